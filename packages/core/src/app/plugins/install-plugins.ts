import { addPluginToConfig } from '../../config/edit/add-plugin-to-config.ts'
import { pluginComment } from '../../config/edit/plugin-comment.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { PluginHook } from '../../plugins/contract/index.ts'
import { readInstalledRecord, type InstalledRecord } from '../../plugins/installer/installed-record.ts'
import { withPluginLock } from '../../plugins/installer/plugin-lock.ts'
import { parsePluginSpec } from '../../plugins/installer/plugin-spec.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { stagePlugin, type StagedPlugin } from '../../plugins/installer/stage-plugin.ts'
import { commitTogether } from './commit-together.ts'
import { editConfig, type ConfigEdit, type ConfigOutcome } from './config-edit.ts'
import type { PluginContext } from './plugin-context.ts'
import { readPluginConfig, type PluginConfig } from './plugin-config.ts'
import { warnOfShadows } from './warn-of-shadows.ts'

/** A plugin that is installed now. */
export interface InstalledPlugin {
  readonly name: string
  readonly version: string
  /** Null when it was not installed before. */
  readonly previousVersion: string | null
  /** `unchanged`: the same package was installed already, in the same way. */
  readonly status: 'installed' | 'unchanged'
  readonly provides: readonly PluginHook[]
}

/** What `walr plugins install` did. */
export interface Installation {
  readonly dataDirectory: string
  readonly plugins: readonly InstalledPlugin[]
  readonly config: ConfigOutcome
}

/**
 * Installs plugins and puts them into the configuration: all of it, or nothing.
 * @param given names with or without a range, packed files, folders, or URLs.
 * @param editsConfig false leaves the configuration alone.
 * @throws WalrError WALR_USAGE, WALR_PLUGIN, WALR_CONFIG, WALR_WRITE_FAILED; the reason of the signal.
 */
export async function installPlugins(
  given: readonly string[],
  editsConfig: boolean,
  context: PluginContext,
): Promise<Installation> {
  const { workingDirectory, dataDirectories } = context
  const [dataDirectory] = dataDirectories
  const specs = await Promise.all(given.map((text) => parsePluginSpec(text, workingDirectory)))
  const config = editsConfig ? await readPluginConfig(context) : undefined
  const store = new PluginStore(dataDirectory)
  const staged: StagedPlugin[] = []
  try {
    for (const spec of specs) staged.push(await stagePlugin(spec, { ...context, dataDirectory }))
    refuseTwice(staged)
    const edited = (): Promise<ConfigEdit> =>
      editConfig(config, (text, format) =>
        staged.reduce((before, plugin) => addPluginToConfig({ text: before, format, ...additionOf(plugin) }), text),
      )
    await edited() // what cannot be edited is told before the data directory has so much as a lock
    const { plugins, outcome } = await withPluginLock(dataDirectory, context, () =>
      published(staged, edited, store, context),
    )
    await warnOfShadows(plugins, config, context)
    return { dataDirectory, plugins, config: byHandOnly(outcome, plugins, config) }
  } finally {
    for (const plugin of staged) await plugin[Symbol.asyncDispose]()
  }
}

/** Puts everything in its place; no other walr may change anything meanwhile. */
async function published(
  staged: readonly StagedPlugin[],
  edited: () => Promise<ConfigEdit>,
  store: PluginStore,
  { signal, logger }: PluginContext,
): Promise<{ readonly plugins: readonly InstalledPlugin[]; readonly outcome: ConfigOutcome }> {
  const plugins = await Promise.all(staged.map((plugin) => installed(plugin, store)))
  const { outcome, steps } = await edited()
  const fresh = staged.filter((_, index) => plugins[index]?.status === 'installed')
  const publications = fresh.map(
    ({ record, folder }) =>
      () =>
        store.publish(record.name, record.version, folder),
  )
  signal.throwIfAborted()
  await commitTogether([...publications, ...steps], logger)
  return { plugins, outcome }
}

function refuseTwice(staged: readonly StagedPlugin[]): void {
  const names = staged.map(({ record }) => record.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new WalrError('WALR_USAGE', `"${twice}" was given more than once`, { hint: 'Nothing was installed.' })
}

async function installed({ record, manifest }: StagedPlugin, store: PluginStore): Promise<InstalledPlugin> {
  const { name, version } = record
  const before = await recordBefore(name, store)
  const same = before !== undefined && record.integrity !== undefined && isSame(before, record)
  return {
    ...{ name, version, provides: manifest.provides },
    previousVersion: before?.version ?? null,
    status: same ? 'unchanged' : 'installed',
  }
}

function isSame(a: InstalledRecord, b: InstalledRecord): boolean {
  return a.version === b.version && a.integrity === b.integrity && a.spec === b.spec && a.kind === b.kind
}

/** What is broken is as good as not installed: it is replaced. */
async function recordBefore(name: string, store: PluginStore): Promise<InstalledRecord | undefined> {
  const generation = await store.current(name)
  return generation === undefined ? undefined : readInstalledRecord(generation).catch(() => undefined)
}

function additionOf({ record, manifest, examined }: StagedPlugin): { name: string; comment: readonly string[] } {
  const { name, version } = record
  const { options } = examined
  return { name, comment: pluginComment({ name, version, options, provides: manifest.provides }) }
}

/** A module that has the entries already needs no work by hand. */
function byHandOnly(
  outcome: ConfigOutcome,
  plugins: readonly InstalledPlugin[],
  config: PluginConfig | undefined,
): ConfigOutcome {
  if (outcome.status !== 'by-hand' || outcome.file === undefined) return outcome
  const { file } = outcome
  return plugins.every(({ name }) => config?.plugins.includes(name)) ? { status: 'unchanged', file } : outcome
}
