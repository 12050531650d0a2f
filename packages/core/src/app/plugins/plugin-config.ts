import { basename, extname } from 'node:path'
import { formatConfigPath } from '../../config/config-path.ts'
import { toConfigTree, walkConfig, type ConfigSection } from '../../config/config-tree.ts'
import type { ConfigTextFormat } from '../../config/edit/config-document.ts'
import { applyEnvironment, environmentSettings } from '../../config/environment-settings.ts'
import { expandTree } from '../../config/expand-tree.ts'
import { findConfigFile } from '../../config/find-config-file.ts'
import { readConfigFile } from '../../config/read-config-file.ts'
import type { PluginContext } from './plugin-context.ts'

/** What a configuration says about plugins, whether or not the rest of it is right. */
export interface PluginConfig {
  /** Absolute; undefined when there is no file. */
  readonly file: string | undefined
  /** Undefined for what cannot be edited: a module, or no file. */
  readonly format: ConfigTextFormat | undefined
  /** The list `plugins`: names and paths. */
  readonly plugins: readonly string[]
  /** Places of the entries that use a plugin: `archive.codecs[1]`. */
  usesOf(name: string): readonly string[]
}

/**
 * Finds and reads the configuration as all commands do, with variables of the environment, but without checking more of it
 * than that it can be read.
 * @throws WalrError WALR_CONFIG
 */
export async function readPluginConfig({
  configPath,
  environment,
  workingDirectory,
}: Pick<PluginContext, 'configPath' | 'environment' | 'workingDirectory'>): Promise<PluginConfig> {
  const file = await findConfigFile({ path: configPath, environment, workingDirectory, search: true })
  const { tree } = toConfigTree(file === undefined ? {} : (await readConfigFile(file)).value)
  applyEnvironment(tree, environmentSettings(environment, tree).settings)
  await expandTree(tree, { environment, readSecret: () => Promise.reject(new Error('no secret names a plugin')) })
  const { plugins } = tree
  return {
    file,
    format: file === undefined ? undefined : formatOf(file),
    plugins: Array.isArray(plugins) ? plugins.filter((item) => typeof item === 'string') : [],
    usesOf: (name) => usesIn(tree, name),
  }
}

function formatOf(file: string): ConfigTextFormat | undefined {
  if (basename(file) === 'package.json') return 'package.json'
  const extension = extname(file)
  if (extension === '.json') return 'json'
  return ['', '.yaml', '.yml'].includes(extension) ? 'yaml' : undefined
}

function usesIn(tree: ConfigSection, name: string): readonly string[] {
  const places: string[] = []
  walkConfig(tree, (path, value) => {
    if (path.at(-1) === 'use' && value === name) places.push(formatConfigPath(path.slice(0, -1)))
  })
  return places
}
