import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { printableLine } from '../../telemetry/printable-text.ts'
import { isPackageName, isPath } from '../loader/plugin-package.ts'

/** What kind of place a plugin is installed from. */
export type PluginSpecKind = 'registry' | 'tarball' | 'folder' | 'git' | 'url'

/** What to install. */
export interface PluginSpec {
  readonly kind: PluginSpecKind
  /** What npm is given, and what is remembered: of files and folders the absolute path. May hold a password. */
  readonly text: string
  /** The package's name, where it can be told without asking anybody. */
  readonly name: string | undefined
}

const gitUrl = /^(?:git(?:\+(?:ssh|https?|file))?:|(?:github|gitlab|bitbucket|gist):|git@[^/]+:)/
/** A name alone is no secret where it is the one that SSH logs in with. */
const withPassword = /^(?:[a-z+]+:)?\/\/[^/?#]*:[^/?#]*@|^(?:git\+)?https?:\/\/[^/?#]*@/i
/** What stands behind a colon is no path. */
const withQuery = /^[^/]*:[^#]*\?/s
/** Of packages in the registry these are names of strangers' ones. */
const builtIn = new Set(['local', 'gzip', 'zstd'])
const packed = /\.(?:tgz|tar\.gz|tar)$/

/**
 * Understands what somebody wants to install: `NAME`, `NAME@RANGE`, a packed file, a folder, a git URL or one of a packed file.
 * @throws WalrError WALR_USAGE for what is none of them, and for a URL with a secret in it, which the error does not have.
 */
export async function parsePluginSpec(text: string, workingDirectory: string): Promise<PluginSpec> {
  if (withPassword.test(text)) {
    throw new WalrError('WALR_USAGE', `"${withoutSecrets(text)}" has a login in it`, {
      hint: 'It would stay in files that everybody may read. Use an SSH key, a credential helper of git, or .npmrc.',
    })
  }
  if (withQuery.test(text)) {
    throw new WalrError('WALR_USAGE', `"${withoutSecrets(text)}" has a query in it, which may be a key`, {
      hint: 'It would stay in files that everybody may read. Fetch the file, and install it with its path.',
    })
  }
  if (gitUrl.test(text)) return { kind: 'git', text, name: undefined }
  if (/^https?:\/\//.test(text)) return { kind: 'url', text, name: undefined }
  const at = text.indexOf('@', 1)
  const name = at < 0 ? text : text.slice(0, at)
  if (isPath(text) || packed.test(text)) return pathSpec(text, resolve(workingDirectory, text))
  if (builtIn.has(name)) {
    throw new WalrError('WALR_USAGE', `"${name}" is built into walr`, {
      hint: `It needs no installation; an entry of the configuration has it with "use: ${name}".`,
    })
  }
  const isOption = text.startsWith('-')
  if (!isOption && isPackageName(name) && !/[:/\\]/.test(at < 0 ? '' : text.slice(at)))
    return { kind: 'registry', text, name }
  throw new WalrError('WALR_USAGE', `"${withoutSecrets(text)}" is nothing that can be installed`, {
    hint: 'Give NAME, NAME@RANGE, a file that ends with ".tgz", a folder that begins with "./" or "/", or a git URL.',
  })
}

/** Whether a range names one version, which an update does not leave. */
export function isPinned({ kind, text, name }: PluginSpec): boolean {
  return kind === 'registry' && name !== undefined && /^@v?\d+\.\d+\.\d+(?:[-+].*)?$/.test(text.slice(name.length))
}

/** For a message. */
function withoutSecrets(text: string): string {
  return printableLine(text.replace(/\/\/.*@/s, '//********@').replace(/\?.*/s, '?********'))
}

async function pathSpec(given: string, path: string): Promise<PluginSpec> {
  const stats = await stat(path).catch((cause: unknown) => {
    const message = `there is nothing to install at "${given}": ${systemErrorText(cause)}`
    throw new WalrError('WALR_USAGE', message, { cause })
  })
  return { kind: stats.isDirectory() ? 'folder' : 'tarball', text: path, name: undefined }
}
