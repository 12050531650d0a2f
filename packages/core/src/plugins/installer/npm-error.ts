import { WalrError } from '../../errors/walr-error.ts'
import { redact } from '../../telemetry/redact.ts'
import { nearestName } from '../contract/nearest-name.ts'
import type { NpmFailure } from './npm-program.ts'
import type { PluginSpec } from './plugin-spec.ts'

/** Plugins that are walr's own, for names typed wrong. */
const ownPlugins: readonly string[] = ['azure', 'crypto', 'gcs', 's3', 'sftp'].map((name) => `@walr/plugin-${name}`)

/** npm's failure to install, as walr tells it. */
export function npmError(failure: NpmFailure, spec: PluginSpec, coreVersion: string): WalrError {
  const what = `could not install "${redact(spec.text)}"`
  const { reason, hint } = meaningOf(failure, spec, coreVersion)
  return new WalrError('WALR_PLUGIN', `${what}: ${reason}`, { detail: failure.lines.join('\n'), hint, cause: failure })
}

/**
 * Whether npm failed because a package wants another walr. When it finds that out it goes looking for that one, so that it may
 * be told as a package which cannot be had.
 */
export function isMisfit({ code, lines }: NpmFailure): boolean {
  if (code === 'ERESOLVE') return true
  return (
    ['E404', 'ETARGET', 'ENOTCACHED'].includes(code ?? '') && lines.some((line) => /@walr(?:\/|%2f)core\b/i.test(line))
  )
}

interface Meaning {
  readonly reason: string
  readonly hint: string
}

const noVersion: Meaning = {
  reason: 'the registry has no version of it that fits',
  hint: 'The detail has what npm looked for.',
}
const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'ERR_SOCKET_TIMEOUT'])
const denied = new Set(['E401', 'E403', 'ENEEDAUTH'])

function meaningOf(failure: NpmFailure, { name }: PluginSpec, coreVersion: string): Meaning {
  if (isMisfit(failure)) {
    return {
      reason: `it or what it depends on does not go with this walr (@walr/core ${coreVersion})`,
      hint: 'Ask for another version (NAME@RANGE), or update walr.',
    }
  }
  const { code = '', lines } = failure
  const first = lines[0] ?? 'npm failed'
  switch (code) {
    case 'E404': {
      if (first.startsWith('No match found for version')) return noVersion
      const nearest = name === undefined ? undefined : nearestName(name, ownPlugins)
      const hint =
        nearest === undefined
          ? 'Check the name, and the registry that npm is configured with.'
          : `Did you mean "${nearest}"?`
      return { reason: 'the registry has no such package', hint }
    }
    case 'ETARGET':
      return noVersion
    case 'ENOTCACHED':
      return {
        reason: 'it needs packages that are not on this machine, and --offline was given',
        hint: 'Install a packed file that bundles its dependencies, or without --offline.',
      }
    case 'ENOSPC':
    case 'EDQUOT':
      return { reason: 'the disk is full', hint: "Make room in the data directory and in npm's cache." }
  }
  if (unreachable.has(code) || /network|socket|timeout/i.test(`${code} ${first}`)) {
    return {
      reason: `the registry, or where the package is, cannot be reached (${code === '' ? first : code})`,
      hint: 'Check the network, a proxy, and the registry that npm is configured with (WALR_NPM_REGISTRY goes before that).',
    }
  }
  if (denied.has(code)) {
    return {
      reason: `the registry refuses (${code})`,
      hint: "Log in: the user's .npmrc has to hold a token for the registry.",
    }
  }
  return { reason: first, hint: 'The detail has all that npm said; --verbose shows its output as it comes.' }
}
