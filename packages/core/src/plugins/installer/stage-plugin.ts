import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { printable, printableLine } from '../../telemetry/printable-text.ts'
import { redact } from '../../telemetry/redact.ts'
import { PLUGIN_API_VERSION, readManifest, UnusableManifest, type PluginManifest } from '../loader/plugin-manifest.ts'
import { packageFolder } from '../loader/installed-plugin-folder.ts'
import { writeContractPackage } from './contract-package.ts'
import { examinePlugin } from './examine-plugin.ts'
import { dataDirectoryError } from './install-error.ts'
import { writeInstalledRecord, type InstalledRecord } from './installed-record.ts'
import { npmError } from './npm-error.ts'
import { NpmFailure, runNpm } from './npm-program.ts'
import { lockedPackage, readPackageLock } from './package-lock.ts'
import { peerMisfit } from './peer-misfit.ts'
import type { ExaminedPlugin } from './plugin-examination.ts'
import type { PluginSpec } from './plugin-spec.ts'
import { makeTreeReadable } from './readable-tree.ts'
import { doesNotFit, stageAnotherVersion } from './stage-another-version.ts'
import { makeStagingFolder } from './staging-folder.ts'

/** How plugins are fetched. */
export interface StageOptions {
  /** Absolute. */
  readonly dataDirectory: string
  /** What npm is run with; `WALR_NPM_REGISTRY` goes before npm's own settings. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** Without asking any server: everything has to be in npm's cache or in the package itself. */
  readonly offline: boolean
  readonly ignoreScripts: boolean
  /** Told what is being done, in a few words. */
  readonly onStep: (step: string) => void
  /** See {@link NpmOptions.onLine}. */
  readonly onNpmLine?: ((line: string) => void) | undefined
  /** One version of a package of the registry instead of the one that npm would choose. */
  readonly version?: string
  /** Told when another version was taken than npm would choose. */
  readonly logger?: Pick<Logger, 'notice'>
  /** How long a plugin may take for being imported, in milliseconds. */
  readonly importLimitMs?: number | undefined
}

/** A plugin with all that it needs, fetched and found good, that nobody sees yet. Gone when it is disposed of. */
export interface StagedPlugin extends AsyncDisposable {
  /** To be moved to its place; absolute. */
  readonly folder: string
  readonly record: InstalledRecord
  readonly manifest: PluginManifest
  readonly examined: ExaminedPlugin
}

/**
 * Fetches a plugin with its own tree of dependencies into a folder beside the installed ones, and proves that this walr can use
 * it. When what npm would choose is for another walr, the newest version that was asked for and goes with this one is taken.
 * Of a package that is no plugin nothing is run, unless it is made by its own scripts: a folder, or a git repository.
 * @throws WalrError WALR_PLUGIN or WALR_WRITE_FAILED, after which nothing is left of it; the reason of the signal.
 */
export async function stagePlugin(spec: PluginSpec, options: StageOptions): Promise<StagedPlugin> {
  const { name } = spec
  try {
    return await stageOne(spec, options)
  } catch (error) {
    const isChosen = options.version !== undefined || options.offline
    if (isChosen || spec.kind !== 'registry' || name === undefined || !doesNotFit(error)) throw error
    const { environment, signal, logger, onNpmLine: onLine } = options
    await using staging = await makeStagingFolder(options.dataDirectory)
    const npm = { folder: staging.path, environment, signal, onLine }
    const stage = (version: string): Promise<StagedPlugin> => stageOne(spec, { ...options, version })
    return await stageAnotherVersion({ ...spec, name }, error, { npm, logger, stage })
  }
}

async function stageOne(spec: PluginSpec, options: StageOptions): Promise<StagedPlugin> {
  const { dataDirectory, signal, onStep, importLimitMs } = options
  const staging = await makeStagingFolder(dataDirectory)
  try {
    const folder = join(staging.path, 'generation')
    const version = await written(folder, () => writePrefix(folder))
    onStep(`fetching ${redact(spec.text)}`)
    const buildsItself = spec.kind === 'folder' || spec.kind === 'git'
    const noScripts = options.ignoreScripts || !buildsItself ? ['--ignore-scripts'] : []
    const wanted = options.version === undefined ? spec.text : `${String(spec.name)}@${options.version}`
    await npm(['install', wanted, '--save-exact', ...noScripts], folder, spec, version, options)
    const name = await installedName(folder, spec)
    const manifest = await manifestOf(folder, name)
    const misfit = await peerMisfit(folder, name, version)
    if (misfit !== undefined) throw npmError(misfit, spec, version)
    const lock = await readPackageLock(folder)
    if (!options.ignoreScripts && !buildsItself && lock.hasInstallScripts) {
      onStep(`running the install scripts of ${name} and its dependencies`)
      // once more from npm's cache: "npm rebuild" would fail where the script of an optional dependency does
      await npm(['ci'], folder, spec, version, options)
    }
    onStep(`checking ${name} ${printableLine(manifest.version)}`)
    const packageFile = join(packageFolder(folder, name), 'package.json')
    const location = { kind: 'package', folder: packageFolder(folder, name), packageFile } as const
    const limit = importLimitMs === undefined ? {} : { limitMs: importLimitMs }
    const examined = await examinePlugin({ location, name, manifest }, { signal, ...limit })
    const { integrity } = lockedPackage(lock, name)
    const record = { name, version: manifest.version, kind: spec.kind, spec: spec.text, integrity }
    await written(folder, async () => {
      await writeInstalledRecord(folder, record)
      await makeTreeReadable(folder)
    })
    signal.throwIfAborted()
    return { folder, record, manifest, examined, [Symbol.asyncDispose]: () => staging[Symbol.asyncDispose]() }
  } catch (error) {
    await staging[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * What npm begins with: a package that has nothing but the contract, already in the lock file. Otherwise npm would look at the
 * peers of a plugin whose name comes before `@walr/core` without knowing of it.
 * @returns the version of this walr.
 */
async function writePrefix(folder: string): Promise<string> {
  await mkdir(folder)
  const version = await writeContractPackage(join(folder, 'contract'))
  const name = 'walr-plugin-prefix'
  const dependencies = { '@walr/core': 'file:./contract' }
  const manifest = {
    ...{ name, private: true },
    description: 'One installed plugin of walr with its dependencies; made and removed by "walr plugins"',
    dependencies,
  }
  const packages = {
    '': { name, dependencies },
    'node_modules/@walr/core': { version, resolved: 'file:contract' },
  }
  const lock = { name, lockfileVersion: 3, requires: true, packages }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  await writeFile(join(folder, 'package-lock.json'), `${JSON.stringify(lock, undefined, 2)}\n`)
  return version
}

async function npm(
  args: readonly string[],
  folder: string,
  spec: PluginSpec,
  version: string,
  { environment, signal, offline, onNpmLine }: StageOptions,
): Promise<void> {
  const more = offline ? ['--offline', '--prefer-offline'] : []
  try {
    const onLine = onNpmLine && ((line: string): void => onNpmLine(printable(line)))
    await runNpm([...args, ...more], { folder, environment, signal, onLine })
  } catch (error) {
    if (error instanceof NpmFailure) throw npmError(error, spec, version)
    throw error
  }
}

async function installedName(folder: string, { text }: PluginSpec): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const { dependencies } = manifest as { readonly dependencies?: Readonly<Record<string, string>> }
  const names = Object.keys(dependencies ?? {}).filter((name) => name !== '@walr/core')
  if (names[0] !== undefined) return names[0]
  throw new WalrError(
    'WALR_PLUGIN',
    `"${redact(text)}" is not a walr plugin: npm installed no package of its own from it`,
  )
}

async function manifestOf(folder: string, name: string): Promise<PluginManifest> {
  const packageFile = join(packageFolder(folder, name), 'package.json')
  try {
    return await readManifest(packageFile)
  } catch (error) {
    if (!(error instanceof UnusableManifest)) throw error
    // The folder is gone when this is read.
    const text = printable(error.message.replaceAll(`${folder}/`, ''))
    const isMisfit = await speaksAnotherApi(packageFile)
    throw new WalrError('WALR_PLUGIN', `"${name}" ${text}`, {
      hint: isMisfit ? undefined : 'docs/plugin-authors.md tells what a plugin is.',
      cause: isMisfit ? new NpmFailure('ERESOLVE', [text]) : error.cause,
    })
  }
}

/** Whether it is a plugin, for an older or a newer walr. */
async function speaksAnotherApi(packageFile: string): Promise<boolean> {
  try {
    const { walr } = JSON.parse(await readFile(packageFile, 'utf8')) as {
      readonly walr?: { readonly apiVersion?: unknown }
    }
    return Number.isInteger(walr?.apiVersion) && walr?.apiVersion !== PLUGIN_API_VERSION
  } catch {
    return false // what is wrong with the file has been found already
  }
}

/** Files of the staging folder; the system's errors are those of the data directory. */
async function written<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (isSystemError(cause)) throw dataDirectoryError('write into', folder, cause)
    throw cause
  }
}
