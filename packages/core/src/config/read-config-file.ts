import { readFile, realpath } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defaultLoaders } from 'cosmiconfig'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { ConfigPath } from './config-path.ts'
import { isSection } from './config-tree.ts'
import { yamlLineOf } from './yaml-line.ts'

/** What a file of the configuration holds. */
export interface ConfigFileContent {
  /** Not checked in any way. */
  readonly value: unknown
  /** The line of a place, counted from 1, where that can be told. */
  readonly lineOf: (path: ConfigPath) => number | undefined
}

/**
 * Reads a file of the configuration as its name says: YAML (`.yaml`, `.yml`, or no ending), JSON, or a module (`.js`,
 * `.mjs`, `.cjs`, `.ts`, `.mts`, `.cts`) with the configuration as its default export. Of a `package.json` only `walr`
 * counts. An empty file is an empty configuration.
 *
 * The loaders are cosmiconfig's, without its explorer: that takes a file that cannot be read for none, and puts lines of
 * the file, which may hold secrets, into its messages.
 * @throws WalrError WALR_CONFIG, without anything that the file holds.
 */
export async function readConfigFile(file: string): Promise<ConfigFileContent> {
  const kind = kindOf(file)
  try {
    const content = await readFile(file, 'utf8')
    return {
      value: content.trim() === '' && kind !== 'package' ? {} : await parse(kind, file, content),
      lineOf: (path) => (kind === 'yaml' ? yamlLineOf(content, path) : undefined),
    }
  } catch (cause) {
    // The parsers' own messages quote the file, and would be shown as the cause.
    const more = kind === 'module' || isSystemError(cause) ? { cause } : {}
    throw new WalrError('WALR_CONFIG', `could not load configuration file "${file}": ${reasonOf(cause)}`, more)
  }
}

type FileKind = 'yaml' | 'json' | 'module' | 'package'

const kinds: Readonly<Record<string, FileKind>> = {
  '': 'yaml',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
  '.js': 'module',
  '.mjs': 'module',
  '.cjs': 'module',
  '.ts': 'module',
  '.mts': 'module',
  '.cts': 'module',
}

function kindOf(file: string): FileKind {
  const extension = extname(file)
  const kind = basename(file) === 'package.json' ? 'package' : kinds[extension]
  if (kind !== undefined) return kind
  throw new WalrError('WALR_CONFIG', `configuration file "${file}" ends with "${extension}", which walr cannot read`, {
    hint: 'Names end with .yaml, .yml, .json, .js, .mjs, .cjs, .ts, .mts or .cts; a file without an ending is YAML.',
  })
}

async function parse(kind: FileKind, file: string, content: string): Promise<unknown> {
  switch (kind) {
    case 'module':
      return defaultExport(await import(pathToFileURL(await realpath(file)).href))
    case 'yaml':
      return yaml(file, content)
    case 'json':
      return JSON.parse(content)
    case 'package':
      return packageProperty(JSON.parse(content))
  }
}

/** A file that holds nothing but comments is as empty as an empty one. */
function yaml(file: string, content: string): unknown {
  try {
    return defaultLoaders['.yaml'](file, content) ?? {}
  } catch (error) {
    if (error instanceof Error && 'reason' in error && String(error.reason).startsWith('expected a document')) return {}
    throw error
  }
}

function defaultExport(module: unknown): unknown {
  if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  throw new Error('it has no default export')
}

/** Plugins have a `walr` in their package.json as well: it describes them. */
function packageProperty(manifest: unknown): unknown {
  const property = isSection(manifest) ? manifest['walr'] : undefined
  if (isSection(property) && !('apiVersion' in property)) return property
  throw new Error('it has no "walr" with a configuration')
}

/** What went wrong, without what the parsers quote. */
function reasonOf(error: unknown): string {
  if (isSystemError(error)) return systemErrorText(error)
  if (!(error instanceof Error)) return 'it threw something that is no error'
  if ('reason' in error && 'mark' in error) return `${withoutQuotes(String(error.reason))}${placeOf(error.mark)}`
  if (error instanceof SyntaxError)
    return withoutQuotes(error.message.replace(/,? *(\.\.\.)?".*(?= is not valid)/s, ' and more'))
  return error.message
}

function withoutQuotes(text: string): string {
  return text.replace(/\s*(?:"[^"]*"|!?<[^>]*>)/g, '')
}

function placeOf(mark: unknown): string {
  if (typeof mark !== 'object' || mark === null || !('line' in mark) || !('column' in mark)) return ''
  return ` (line ${Number(mark.line) + 1}, column ${Number(mark.column) + 1})`
}
