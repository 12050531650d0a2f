import { nearestName } from '../plugins/contract/nearest-name.ts'
import type { ConfigFault } from './config-fault.ts'
import { formatConfigPath, type ConfigPath } from './config-path.ts'
import { valueAt, type ConfigSection } from './config-tree.ts'
import { isLocalAddress, parseListenAddress } from './listen-address.ts'
import { BUILTIN_NAMES } from './walr-config.ts'

/** Whether the value at a path must not be shown. */
export type IsSecret = (path: string) => boolean

/** Entries that use what is neither built in nor listed, and plugins that are listed twice. */
export function entryFaults(tree: ConfigSection, isSecret: IsSecret): readonly ConfigFault[] {
  const listed = texts(valueAt(tree, ['plugins']))
  const faults: ConfigFault[] = []
  for (const [index, name] of listed.entries()) {
    const path = `plugins[${index}]`
    if (name !== '' && listed.indexOf(name) < index) {
      faults.push({ path, message: `is listed already${isSecret(path) ? '' : `: "${name}"`}` })
    }
  }
  for (const place of entryPlaces(tree)) {
    const use = valueAt(tree, [...place, 'use'])
    if (typeof use !== 'string' || use === '' || BUILTIN_NAMES.includes(use) || listed.includes(use)) continue
    const path = formatConfigPath([...place, 'use'])
    const shown = isSecret(path) ? 'its value' : `"${use}"`
    const nearest = isSecret(path) ? undefined : nearestName(use, [...BUILTIN_NAMES, ...listed])
    const advice = nearest === undefined ? '' : ` Or did you mean "${nearest}"?`
    const message = `${shown} is neither built in (${BUILTIN_NAMES.join(', ')}) nor listed; add it to "plugins".${advice}`
    faults.push({ path, message })
  }
  return faults
}

/** Settings of slots that do not go together. */
export function slotFaults(tree: ConfigSection, isSecret: IsSecret): readonly ConfigFault[] {
  const [slot, guardSlot, createSlot] = ['slot', 'guardSlot', 'createSlot'].map((key) =>
    valueAt(tree, ['receive', key]),
  )
  const faults: ConfigFault[] = []
  if (guardSlot !== undefined && guardSlot === slot) {
    const shown = isSecret('receive.slot') || isSecret('receive.guardSlot') ? '' : `, received "${String(slot)}"`
    const message = `must differ from "receive.slot"${shown}: each of the two has a position of its own`
    faults.push({ path: 'receive.guardSlot', message })
  }
  if (guardSlot !== undefined && valueAt(tree, ['archive']) === undefined) {
    const message = 'needs "archive": without it the slot would never advance, and the server would keep all WAL'
    faults.push({ path: 'receive.guardSlot', message })
  }
  if (/^(true|yes|on)$/.test(String(createSlot)) && slot === undefined) {
    faults.push({ path: 'receive.createSlot', message: 'needs "receive.slot", which names the slot to create' })
  }
  return faults
}

/** Settings of the HTTP server that do not go together. None of the messages has a value in it. */
export function httpFaults(tree: ConfigSection): readonly ConfigFault[] {
  const has = (key: string): boolean => valueAt(tree, ['http', key]) !== undefined
  const faults: ConfigFault[] = []
  const needs = (key: string, other: string, why: string): void => {
    if (has(key) && !has(other)) faults.push({ path: `http.${key}`, message: `needs "http.${other}", ${why}` })
  }
  needs('certFile', 'keyFile', "which is the certificate's private key")
  needs('keyFile', 'certFile', "which is the key's certificate")
  needs('clientCaFile', 'certFile', 'because clients show certificates only where TLS is spoken')
  const listen = valueAt(tree, ['http', 'listen'])
  const address = typeof listen === 'string' ? parseListenAddress(listen) : undefined
  if (address !== undefined && !isLocalAddress(address) && !has('token') && !has('clientCaFile')) {
    const message =
      'can be reached from other machines, so it needs "http.token" or "http.clientCaFile": WAL holds all data. Or listen on 127.0.0.1'
    faults.push({ path: 'http.listen', message })
  }
  return faults
}

/** Where entries of plugins stand in a tree. */
function entryPlaces(tree: ConfigSection): ConfigPath[] {
  const lists = ['codecs', 'readCodecs'].flatMap((key) => {
    const list = valueAt(tree, ['archive', key])
    return Array.isArray(list) ? list.map((_, index): ConfigPath => ['archive', key, index]) : []
  })
  return [['archive', 'storage'], ...lists]
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.map((item: unknown) => (typeof item === 'string' ? item : '')) : []
}
