import { WalrError } from '../../errors/walr-error.ts'
import { coreVersion } from '../../plugins/installer/contract-package.ts'
import { fittingVersions } from '../../plugins/installer/fitting-versions.ts'
import { readInstalledRecord, type InstalledRecord } from '../../plugins/installer/installed-record.ts'
import { withPluginLock } from '../../plugins/installer/plugin-lock.ts'
import { isPinned, type PluginSpec } from '../../plugins/installer/plugin-spec.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { doesNotFit } from '../../plugins/installer/stage-another-version.ts'
import { stagePlugin, type StagedPlugin, type StageOptions } from '../../plugins/installer/stage-plugin.ts'
import { commitTogether } from './commit-together.ts'
import { notInstalled } from './not-installed.ts'
import type { PluginContext } from './plugin-context.ts'

/** What became of one plugin. */
export type UpdatedPlugin =
  | { readonly name: string; readonly status: 'updated'; readonly version: string; readonly previousVersion: string }
  /** With the reason when an update cannot change it. */
  | { readonly name: string; readonly status: 'unchanged'; readonly version: string; readonly reason?: string }
  | { readonly name: string; readonly status: 'failed'; readonly error: unknown }

/** Versions that are tried, the newest first, when those before do not go with this walr. */
const MOST_ATTEMPTS = 10

/**
 * Brings plugins to the newest version that goes with this walr and with the range they were installed with; folders and git
 * repositories are taken as they are now. Each is all or nothing, and one that fails keeps none from being updated.
 * @param names all installed ones when empty.
 * @throws WalrError WALR_PLUGIN for a name that is not installed; the reason of the signal.
 */
export async function updatePlugins(
  names: readonly string[],
  context: PluginContext,
): Promise<readonly UpdatedPlugin[]> {
  const [dataDirectory] = context.dataDirectories
  const store = new PluginStore(dataDirectory)
  for (const name of names) {
    if ((await store.current(name)) === undefined) throw await notInstalled(name, context.dataDirectories)
  }
  const results: UpdatedPlugin[] = []
  for (const name of names.length === 0 ? await store.names() : new Set(names)) {
    try {
      results.push(await updated(name, names.length > 0, store, { ...context, dataDirectory }))
    } catch (error) {
      context.signal.throwIfAborted()
      results.push({ name, status: 'failed', error })
    }
  }
  return results
}

type UpdateOptions = PluginContext & StageOptions

async function updated(
  name: string,
  isNamed: boolean,
  store: PluginStore,
  options: UpdateOptions,
): Promise<UpdatedPlugin> {
  const generation = await store.current(name)
  const record = await recordOf(name, generation)
  const { version } = record
  const spec: PluginSpec = { kind: record.kind, text: record.spec, name }
  if (record.kind === 'tarball') {
    const reason = `it comes from the file "${record.spec}"; install a newer file`
    if (isNamed) throw new WalrError('WALR_PLUGIN', `"${name}" cannot be updated: ${reason}`)
    return { name, status: 'unchanged', version, reason }
  }
  if (isPinned(spec)) {
    const reason = `"${record.spec}" asks for this version only; "walr plugins install ${name}" lifts that`
    return { name, status: 'unchanged', version, reason }
  }
  options.onStep(`looking for a newer ${name}`)
  await using staged = await newest(spec, record, options)
  if (staged === undefined || isSame(staged.record, record)) return { name, status: 'unchanged', version }
  if (staged.record.name !== name) {
    const found = `"${record.spec}" is now the plugin "${staged.record.name}"`
    throw new WalrError('WALR_PLUGIN', `"${name}" was not updated: ${found}`, { hint: 'Install that one instead.' })
  }
  const { folder } = staged
  await withPluginLock(options.dataDirectory, options, async () => {
    if ((await store.current(name)) !== generation) {
      const what = `"${name}" was not updated: another walr has changed it meanwhile`
      throw new WalrError('WALR_PLUGIN', what, { hint: '"walr plugins" lists what is installed now.' })
    }
    options.signal.throwIfAborted()
    await commitTogether([() => store.publish(name, staged.record.version, folder)], options.logger)
  })
  return { name, status: 'updated', version: staged.record.version, previousVersion: version }
}

/** @returns undefined when what is installed is the newest that fits. */
async function newest(
  spec: PluginSpec,
  { version: current }: InstalledRecord,
  options: UpdateOptions,
): Promise<StagedPlugin | undefined> {
  const { name } = spec
  if (spec.kind !== 'registry' || name === undefined) return stagePlugin(spec, options)
  const { environment, signal, onNpmLine: onLine, dataDirectory: folder } = options
  const npm = { folder, environment, signal, onLine }
  const versions = await fittingVersions({ ...spec, name }, await coreVersion(), npm)
  if (versions.length === 0) return stagePlugin(spec, options)
  let failure: unknown
  for (const version of versions.slice(0, MOST_ATTEMPTS)) {
    if (version === current) return undefined
    try {
      return await stagePlugin(spec, { ...options, version })
    } catch (error) {
      // Another version may go with this walr; a registry that is away, or a full disk, stays what it is.
      if (!doesNotFit(error)) throw error
      failure ??= error
    }
  }
  throw failure
}

function isSame(a: InstalledRecord, b: InstalledRecord): boolean {
  return a.integrity !== undefined && a.version === b.version && a.integrity === b.integrity
}

async function recordOf(name: string, generation: string | undefined): Promise<InstalledRecord> {
  try {
    if (generation === undefined) throw new Error('it was removed meanwhile')
    return await readInstalledRecord(generation)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new WalrError('WALR_PLUGIN', `how "${name}" was installed cannot be read: ${reason}`, {
      hint: 'Install it anew.',
      cause,
    })
  }
}
