import { randomBytes } from 'node:crypto'
import { readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { currentGeneration, currentLink, generationsFolder } from '../loader/installed-plugin-folder.ts'
import { isPackageName } from '../loader/plugin-package.ts'
import { dataDirectoryError } from './install-error.ts'
import { makeFolders, removeEmpty } from './made-folders.ts'
import type { Publication } from './publication.ts'
import { makeStagingFolder } from './staging-folder.ts'

/** The installed plugins of one data directory. Whoever changes them has locked it (see {@link withPluginLock}). */
export class PluginStore {
  readonly #dataDirectory: string
  readonly #disk: Pick<Disk, 'syncDirectory'>

  constructor(dataDirectory: string, disk: Pick<Disk, 'syncDirectory'> = nodeDisk) {
    this.#dataDirectory = dataDirectory
    this.#disk = disk
  }

  /** Names of what is installed, in their order; none when the data directory is not there. The system's error otherwise. */
  async names(): Promise<readonly string[]> {
    const entries = await readdir(join(this.#dataDirectory, 'plugins')).catch((error: unknown) => {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return []
      throw error
    })
    const names = entries.map((entry) => entry.replace('+', '/')).filter(isPackageName)
    const installed: string[] = []
    for (const name of names.sort()) if ((await this.current(name)) !== undefined) installed.push(name)
    return installed
  }

  /** See {@link currentGeneration}. What cannot be a package's name is not installed. */
  async current(name: string): Promise<string | undefined> {
    return isPackageName(name) ? currentGeneration(this.#dataDirectory, name) : undefined
  }

  /**
   * Moves a complete generation to its place and makes it the one that counts, in one step for whoever looks.
   * @throws WalrError WALR_PLUGIN for a name that walr could not load it by, or WALR_WRITE_FAILED; then nothing has changed.
   */
  async publish(name: string, version: string, staged: string): Promise<Publication> {
    if (!isPackageName(name)) {
      const what = `${JSON.stringify(name)} cannot be installed: that is no name for a package that walr can load`
      throw new WalrError('WALR_PLUGIN', what, {
        hint: 'A name has lower-case letters, digits, ".", "_", "~" and "-".',
      })
    }
    const folder = generationsFolder(this.#dataDirectory, name)
    const made = await makeFolders(this.#dataDirectory, folder)
    const generation = join(folder, `${inFileName(version)}-${randomBytes(4).toString('hex')}`)
    const link = currentLink(this.#dataDirectory, name)
    let before: string | undefined
    const takeBack = async (): Promise<void> => {
      // Somebody else's is left alone, and what it has replaced: it may be taken back, too.
      const now = await linkTarget(link)
      if (now === basename(generation)) {
        if (before === undefined) await rm(link)
        else await pointTo(link, before)
      } else if (now !== before) return
      await rm(generation, { recursive: true, force: true })
      await removeEmpty(made)
    }
    try {
      before = await linkTarget(link)
      await rename(staged, generation)
      await pointTo(link, basename(generation))
      for (const changed of [folder, ...made.map(dirname)]) await this.#disk.syncDirectory(changed)
    } catch (cause) {
      await takeBack().catch(() => undefined) // the first error is the one that counts
      throw dataDirectoryError('publish the plugin in', folder, cause)
    }
    return { takeBack, settle: () => removeOthers(folder, link, [basename(generation), before]) }
  }

  /**
   * Takes a plugin away with all its generations.
   * @throws WalrError WALR_WRITE_FAILED, after which nothing has changed.
   */
  async remove(name: string): Promise<Publication> {
    const folder = generationsFolder(this.#dataDirectory, name)
    const staging = await makeStagingFolder(this.#dataDirectory)
    const aside = join(staging.path, 'removed')
    try {
      await rename(folder, aside)
    } catch (cause) {
      await staging[Symbol.asyncDispose]()
      throw dataDirectoryError('remove the plugin in', folder, cause)
    }
    return {
      takeBack: async () => {
        await rename(aside, folder)
        await staging[Symbol.asyncDispose]()
      },
      settle: async () => {
        await staging[Symbol.asyncDispose]()
        await removeEmpty([dirname(folder)])
      },
    }
  }
}

/** A version as part of a file name, whatever its package says it is. */
function inFileName(version: string): string {
  return version.replaceAll(/[^\w.+-]/g, '_').slice(0, 100)
}

async function linkTarget(link: string): Promise<string | undefined> {
  try {
    return await readlink(link)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Makes a link, or has it lead elsewhere, in one step. */
async function pointTo(link: string, target: string): Promise<void> {
  const added = `${link}-${randomBytes(4).toString('hex')}`
  await symlink(target, added)
  try {
    await rename(added, link)
  } catch (error) {
    await rm(added, { force: true })
    throw error
  }
}

/** A daemon may still import from the generation before, so that one stays; older ones go. */
async function removeOthers(folder: string, link: string, kept: readonly (string | undefined)[]): Promise<void> {
  const all = [basename(link), await linkTarget(link), ...kept]
  for (const name of await readdir(folder)) {
    if (!all.includes(name)) await rm(join(folder, name), { recursive: true, force: true })
  }
}
