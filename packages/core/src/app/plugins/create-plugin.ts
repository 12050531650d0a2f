import { relative, resolve } from 'node:path'
import type { PluginHook } from '../../plugins/contract/index.ts'
import { writeNewFolder } from '../../plugins/creator/new-folder.ts'
import { folderOfPlugin } from '../../plugins/creator/plugin-name.ts'
import { templateFiles, type PluginLicense } from '../../plugins/creator/template-files.ts'

/** What `walr plugins create` is asked for. */
export interface CreatePluginRequest {
  /** Of the package. */
  readonly name: string
  readonly kind: PluginHook
  readonly license: PluginLicense
  /** The package's folder; undefined: the name without its scope, in the working directory. */
  readonly directory?: string | undefined
  readonly workingDirectory: string
  /** Of this walr, which the package is made for. */
  readonly version: string
  readonly now: () => Date
}

/** A new package. */
export interface CreatedPlugin {
  readonly name: string
  readonly kind: PluginHook
  /** Absolute. */
  readonly directory: string
  /** Relative to the folder, sorted. */
  readonly files: readonly string[]
  /** Command lines. */
  readonly nextSteps: readonly string[]
}

/**
 * Writes a package with a plugin that works, for its author to change. Nothing is overwritten, nothing is left when it
 * fails, and nobody is asked on the network.
 * @throws WalrError WALR_USAGE for a bad name or a folder that is in use, WALR_WRITE_FAILED or WALR_DISK_FULL.
 */
export async function createPlugin(request: CreatePluginRequest): Promise<CreatedPlugin> {
  const { name, kind, license, workingDirectory, version, now } = request
  const folder = folderOfPlugin(name)
  const directory = resolve(workingDirectory, request.directory ?? folder)
  const files = await templateFiles(kind, license, {
    NAME: name,
    KIND: kind,
    DESCRIPTION: `${kind[0]?.toUpperCase() ?? ''}${kind.slice(1)} plugin for walr`,
    LICENSE: { 'apache-2.0': 'Apache-2.0', mit: 'MIT', none: 'UNLICENSED' }[license],
    CORE_VERSION: version,
    CORE_RANGE: `>=${version} <${Math.max(Number.parseInt(version, 10) + 1, 2)}`,
    YEAR: String(now().getUTCFullYear()),
  })
  await writeNewFolder(directory, files)
  const shown = shellWord(relative(workingDirectory, directory) || '.')
  const path = /^[/.]/.test(shown) ? shown : `./${shown}`
  return {
    ...{ name, kind, directory, files: [...files.keys()].sort() },
    nextSteps: [`(cd ${shown} && npm install && npm test)`, `walr plugins install ${path}`],
  }
}

function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
