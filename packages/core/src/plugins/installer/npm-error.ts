import { WalrError } from '../../errors/walr-error.ts'
import { printable, printableLine } from '../../telemetry/printable-text.ts'
import { redact } from '../../telemetry/redact.ts'
import { nearestName } from '../contract/nearest-name.ts'
import { failedCommand } from './failed-command.ts'
import type { NpmFailure } from './npm-program.ts'
import type { PluginSpec } from './plugin-spec.ts'

/** Plugins that are walr's own are called `@walr/plugin-` and this. */
const ownPlugins: readonly string[] = ['azure', 'crypto', 'gcs', 's3', 'sftp']

/** npm's failure to install, as walr tells it. */
export function npmError(failure: NpmFailure, spec: PluginSpec, coreVersion: string): WalrError {
  const what = `could not install "${redact(spec.text)}"`
  const { reason, hint } = meaningOf(failure, spec, coreVersion)
  const detail = printable(withoutTrace(failure.lines).join('\n'))
  return new WalrError('WALR_PLUGIN', `${what}: ${printableLine(reason)}`, { detail, hint, cause: failure })
}

/** npm shows the errors that it does not know as Node does: with a trace, and with their fields in braces. */
function withoutTrace(lines: readonly string[]): readonly string[] {
  const trace = lines.findIndex((line) => /^ {4}at /.test(line))
  if (trace < 0) return lines
  const end = lines.findIndex((line, index) => index >= trace && !/^ {4}at |^ {2,}\S+: |^\}$/.test(line))
  return [...lines.slice(0, trace), ...(end < 0 ? [] : lines.slice(end))]
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

const ownPrefix = /^(?:@walr\/|walr-)?(?:plugin-)?/

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

function meaningOf(failure: NpmFailure, spec: PluginSpec, coreVersion: string): Meaning {
  if (isMisfit(failure)) {
    return {
      reason: `it or what it depends on does not go with this walr (@walr/core ${coreVersion})`,
      hint: 'Ask for another version (NAME@RANGE), or update walr.',
    }
  }
  const { code = '', lines } = failure
  const first = lines.find((line) => !/^(?:syscall|path|command failed)\b/.test(line)) ?? lines[0] ?? 'npm failed'
  const command = failedCommand(lines, spec)
  if (command !== undefined) return command
  switch (code) {
    case 'E404': {
      if (first.startsWith('No match found for version')) return noVersion
      const nearest = nearestName((spec.name ?? '').replace(ownPrefix, ''), ownPlugins)
      const hint =
        nearest === undefined
          ? 'Check the name, and the registry that npm is configured with.'
          : `Did you mean "@walr/plugin-${nearest}"?`
      return { reason: 'the registry has no such package', hint }
    }
    case 'ETARGET':
      return noVersion
    case 'ENOTCACHED':
      return {
        reason: 'it needs packages that are not on this machine, and --offline was given',
        hint: 'Install a packed file that bundles its dependencies, or without --offline.',
      }
    case 'ENOENT':
      if (spec.kind !== 'folder' || !lines.some((line) => line.includes(`${spec.text}/package.json`))) break
      return {
        reason: 'the folder has no package.json',
        hint: 'Give the folder that the package.json of the plugin is in.',
      }
    case 'EJSONPARSE':
      return {
        reason: `a package.json is not valid JSON: ${first.replace(/^(?:JSON\.parse )?(?:Invalid package\.json: )?/, '')}`,
        hint: 'Its author has to correct it.',
      }
    case 'TAR_BAD_ARCHIVE':
    case 'Z_BUF_ERROR':
    case 'Z_DATA_ERROR':
      return {
        reason: 'it is not a packed file, or a damaged one',
        hint: 'Packed files are made with "npm pack". Look whether all of it was fetched.',
      }
    case 'ENOSPC':
    case 'EDQUOT':
      return { reason: 'the disk is full', hint: "Make room in the data directory and in npm's cache." }
  }
  if (code === 'EINTEGRITY') {
    return {
      reason: 'what was fetched has another checksum than the registry says',
      hint: 'Try again; something between here and the registry may have changed it.',
    }
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
