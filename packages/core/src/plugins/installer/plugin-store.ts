import { randomBytes } from 'node:crypto'
import { readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { currentGeneration, currentLink, generationsFolder } from '../loader/installed-plugin-folder.ts'
import { isPackageName } from '../loader/plugin-package.ts'
import { dataDirectoryError } from './install-error.ts'
import { makeFolders, makeStagingFolder, removeEmpty } from './staging-folder.ts'

/** Something that was published or removed, and can still be taken back. Exactly one of the two is to be called. */
export interface Publication {
  /** Brings back what was there before. */
  takeBack(): Promise<void>
  /** Removes what nobody needs any more. */
  settle(): Promise<void>
}

/** The installed plugins of one data directory. */
export class PluginStore {
  readonly #dataDirectory: string

  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory
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

  /** See {@link currentGeneration}. */
  current(name: string): Promise<string | undefined> {
    return currentGeneration(this.#dataDirectory, name)
  }

  /**
   * Moves a complete generation to its place and makes it the one that counts, in one step for whoever looks.
   * @throws WalrError WALR_WRITE_FAILED, after which nothing has changed.
   */
  async publish(name: string, version: string, staged: string): Promise<Publication> {
    const folder = generationsFolder(this.#dataDirectory, name)
    const made = await makeFolders(folder)
    const generation = join(folder, `${version}-${randomBytes(4).toString('hex')}`)
    const link = currentLink(this.#dataDirectory, name)
    let before: string | undefined
    try {
      before = await linkTarget(link)
      await rename(staged, generation)
      await pointTo(link, basename(generation))
    } catch (cause) {
      await rm(generation, { recursive: true, force: true })
      await removeEmpty(made)
      throw dataDirectoryError('publish the plugin in', folder, cause)
    }
    return {
      takeBack: async () => {
        if (before === undefined) await rm(link)
        else await pointTo(link, before)
        await rm(generation, { recursive: true, force: true })
        await removeEmpty(made)
      },
      settle: () => removeOthers(folder, [basename(link), basename(generation), before]),
    }
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
      settle: async () => staging[Symbol.asyncDispose](),
    }
  }
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
async function removeOthers(folder: string, kept: readonly (string | undefined)[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true })
  }
}
