import { dirname, resolve } from 'node:path'
import { isWalrError } from '../errors/walr-error.ts'
import { checkConfig } from './check-config.ts'
import { configError, type ConfigFault } from './config-fault.ts'
import { formatConfigPath, parseConfigPath } from './config-path.ts'
import { ConfigSources, type ConfigSource } from './config-sources.ts'
import { putAt, toConfigTree, valueAt, type ConfigSection } from './config-tree.ts'
import { connectionKeywords, isSecretPath, withKeywords } from './connection-setting.ts'
import {
  applyEnvironment,
  environmentSettings,
  sourceOfVariable,
  type EnvironmentSetting,
} from './environment-settings.ts'
import { expandTree } from './expand-tree.ts'
import { findConfigFile, type ConfigFilePlaces } from './find-config-file.ts'
import { readConfigFile, type ConfigFileContent } from './read-config-file.ts'
import { readSecretFile } from './read-secret-file.ts'
import { isSecretSetting, SETTINGS } from './setting-table.ts'
import type { WalrConfig } from './walr-config.ts'

/** Where the configuration comes from: the command line goes before the environment, that before the file. */
export interface LoadConfigOptions extends ConfigFilePlaces {
  /** Values of the command line by their paths: `receive.directory`. Relative directories start where walr runs. */
  readonly flags?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** A configuration that is right, and what is known about it. */
export interface LoadedConfig {
  readonly config: WalrConfig
  /** Absolute; undefined when there is no file. */
  readonly file: string | undefined
  /** Absolute: the folder of the file, without one the working directory. Relative paths in options start here. */
  readonly baseDirectory: string
  /** Where the value at a path came from, such as `archive.codecs[0].level`. */
  readonly sourceOf: (path: string) => ConfigSource
  /**
   * Paths of values that must not be shown, those of the keywords in a connection string included. Plugins know which more
   * of their options are secret.
   */
  readonly secretPaths: ReadonlySet<string>
}

/** A configuration, or what is wrong with it. */
export interface ConfigExamination {
  /** Undefined when there are faults. */
  readonly loaded: LoadedConfig | undefined
  readonly file: string | undefined
  readonly faults: readonly ConfigFault[]
}

/**
 * Finds, reads and checks the configuration. Nothing is imported or connected to, but a file that is a module.
 * @throws WalrError WALR_CONFIG, with all faults at once and no secret.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<LoadedConfig> {
  const { file, content } = await findAndRead(options)
  const { loaded, faults } = await examineContent(content, file, options)
  if (loaded === undefined) throw configError(faults, file)
  return loaded
}

/** As {@link loadConfig}, but a configuration that is wrong is a result, too. */
export async function examineConfig(options: LoadConfigOptions): Promise<ConfigExamination> {
  try {
    const { file, content } = await findAndRead(options)
    return { file, ...(await examineContent(content, file, options)) }
  } catch (error) {
    if (!isWalrError(error, 'WALR_CONFIG')) throw error
    const message = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
    return { loaded: undefined, file: undefined, faults: [{ path: '', message }] }
  }
}

const noFile: ConfigFileContent = { value: {}, lineOf: () => undefined }

async function findAndRead(
  options: LoadConfigOptions,
): Promise<{ file: string | undefined; content: ConfigFileContent }> {
  const file = await findConfigFile(options)
  return { file, content: file === undefined ? noFile : await readConfigFile(file) }
}

async function examineContent(
  content: ConfigFileContent,
  file: string | undefined,
  options: LoadConfigOptions,
): Promise<Pick<ConfigExamination, 'loaded' | 'faults'>> {
  const baseDirectory = file === undefined ? options.workingDirectory : dirname(file)
  const { tree, faults: treeFaults } = toConfigTree(content.value)
  const sources = new ConfigSources()
  sources.addTree(tree, 'file')
  const overlay = overlayEnvironment(tree, options.environment, sources)
  applyFlags(tree, options.flags ?? {}, sources)
  const expansion = await expandTree(
    tree,
    { environment: options.environment, readSecret: (path) => readSecretFile(path, baseDirectory) },
    (path) => sources.of(path) === 'file',
  )
  const secretPaths = new Set(expansion.secretPaths)
  const earlier = [...treeFaults, ...overlay.faults, ...expansion.faults]
  earlier.push(...withKeywords(tree, overlay.keywords, sources, secretPaths.has('connection')))
  const isSecret = (path: string): boolean => secretPaths.has(path) || isSecretPath(path) || isSecretSetting(path)
  const { config, faults } = checkConfig(tree, isSecret)
  const all = [...earlier, ...faults.filter(({ path }) => !isExplained(path, earlier))]
  const located = all.map((fault) => withSource(fault, sources, content))
  if (config === undefined || located.length > 0) return { loaded: undefined, faults: located }
  for (const keyword of connectionKeywords(config.connection).keys()) {
    if (isSecretPath(`connection.${keyword}`)) secretPaths.add(`connection.${keyword}`)
  }
  for (const { path, secret } of SETTINGS) {
    if (secret === true && valueAt(config, path) !== undefined) secretPaths.add(formatConfigPath(path))
  }
  const loaded: LoadedConfig = {
    config: withAbsoluteDirectory(config, sources, baseDirectory, options.workingDirectory),
    file,
    baseDirectory,
    sourceOf: (path) => sources.of(path),
    secretPaths,
  }
  return { loaded, faults: [] }
}

/** Keywords of a connection that is a string have to wait until the string is known. */
function overlayEnvironment(
  tree: ConfigSection,
  environment: LoadConfigOptions['environment'],
  sources: ConfigSources,
): { faults: readonly ConfigFault[]; keywords: readonly EnvironmentSetting[] } {
  const { settings, faults } = environmentSettings(environment, tree)
  const isString = typeof tree['connection'] === 'string' || settings.some(({ path }) => isConnection(path, 1))
  const keywords = isString ? settings.filter(({ path }) => isConnection(path, 2)) : []
  const others = settings.filter((setting) => !keywords.includes(setting))
  const misplaced = applyEnvironment(tree, others)
  for (const { path, value, variable } of others) sources.replace(path, value, sourceOfVariable(variable))
  return { faults: [...faults, ...misplaced], keywords }
}

function isConnection(path: EnvironmentSetting['path'], length: number): boolean {
  return path[0] === 'connection' && path.length === length
}

function applyFlags(tree: ConfigSection, flags: LoadConfigOptions['flags'] & object, sources: ConfigSources): void {
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue
    putAt(tree, parseConfigPath(path), value)
    sources.replace(parseConfigPath(path), value, 'command line')
  }
}

/** A value that could not be read or expanded would be wrong once more, for no reason of its own. */
function isExplained(path: string, earlier: readonly ConfigFault[]): boolean {
  return path !== '' && earlier.some((fault) => fault.path === path)
}

function withSource(fault: ConfigFault, sources: ConfigSources, { lineOf }: ConfigFileContent): ConfigFault {
  if (fault.source !== undefined || fault.path === '') return fault
  const source = sources.of(fault.path)
  const line = source === 'file' ? lineOf(parseConfigPath(fault.path)) : undefined
  if (source === 'default') return fault
  return { ...fault, source, ...(line !== undefined && { line }) }
}

function withAbsoluteDirectory(
  config: WalrConfig,
  sources: ConfigSources,
  baseDirectory: string,
  workingDirectory: string,
): WalrConfig {
  const { directory } = config.receive
  if (directory === undefined) return config
  const start = sources.of('receive.directory') === 'file' ? baseDirectory : workingDirectory
  return { ...config, receive: { ...config.receive, directory: resolve(start, directory) } }
}
