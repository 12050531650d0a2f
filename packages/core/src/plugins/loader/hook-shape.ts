import type { Codec, RetentionPolicy, Storage, StorageCapabilities } from '../contract/index.ts'
import { shownValue } from './shown-value.ts'

const methods = {
  storage: ['put', 'get', 'head', 'list', 'delete', Symbol.asyncDispose],
  codec: ['encode', 'decode'],
  retention: ['plan'],
} as const

/** What a hook made, or what is wrong with it: the part of a sentence after the hook's name. */
export type MadeOrFault<T> = { readonly made: T } | { readonly fault: string }

export function toStorage(value: unknown): MadeOrFault<Storage> {
  const fault = missing(value, methods.storage) ?? capabilitiesFault((value as Partial<Storage>).capabilities)
  return fault === undefined ? { made: value as Storage } : { fault }
}

export function toCodec(value: unknown): MadeOrFault<Codec> {
  const fault = missing(value, methods.codec) ?? codecFault(value as Partial<Codec>)
  return fault === undefined ? { made: value as Codec } : { fault }
}

export function toRetention(value: unknown): MadeOrFault<RetentionPolicy> {
  const fault = missing(value, methods.retention)
  return fault === undefined ? { made: value as RetentionPolicy } : { fault }
}

function missing(value: unknown, names: readonly PropertyKey[]): string | undefined {
  if (typeof value !== 'object' || value === null)
    return `made ${value === null ? 'null' : typeof value}, not an object`
  const name = names.find((each) => typeof (value as Record<PropertyKey, unknown>)[each] !== 'function')
  return name === undefined ? undefined : `made something without the function "${String(name)}"`
}

function capabilitiesFault(capabilities: Partial<StorageCapabilities> | undefined): string | undefined {
  if (typeof capabilities !== 'object') return 'made a storage without "capabilities"'
  const { createIfAbsent, rangeReads, maxObjectBytes } = capabilities
  if (createIfAbsent !== 'atomic' && createIfAbsent !== 'check-then-write') {
    return `made a storage whose capability "createIfAbsent" is ${shownValue(createIfAbsent)}`
  }
  if (typeof rangeReads !== 'boolean') return 'made a storage whose capability "rangeReads" is not true or false'
  if (typeof maxObjectBytes === 'number' && maxObjectBytes > 0) return undefined
  return 'made a storage whose capability "maxObjectBytes" is not a number above 0'
}

function codecFault({ id, kind, suffix }: Partial<Codec>): string | undefined {
  if (typeof id !== 'string' || !/^[^\s\p{Cc}]{1,64}$/u.test(id))
    return 'made a codec whose "id" is not a short text without spaces'
  if (kind !== 'compression' && kind !== 'encryption') {
    return `made a codec whose "kind" is ${shownValue(kind)}, not "compression" or "encryption"`
  }
  if (typeof suffix === 'string' && /^\.[a-z0-9]{1,8}$/.test(suffix)) return undefined
  return `made a codec whose "suffix" is ${shownValue(suffix)}, not a dot and 1 to 8 small letters or digits`
}
