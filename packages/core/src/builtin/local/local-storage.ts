import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import {
  StorageError,
  type ByteSource,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PluginLogger,
  type PutConfirmation,
  type PutOptions,
  type Storage,
  type StorageCapabilities,
  type StoredObject,
} from '../../plugins/contract/index.ts'
import { keyPrefixFault, objectKeyFault } from '../object-key.ts'
import { BaseDirectory } from './base-directory.ts'
import { refuseBrokenWay } from './broken-links.ts'
import { DurableFolders } from './durable-folders.ts'
import { LeftoverFiles } from './leftover-files.ts'
import { localStorageError } from './local-error-map.ts'
import { publishObject, refuseExisting, type PublishingPlace } from './object-publishing.ts'
import { ObjectReader } from './object-reader.ts'
import { walkObjects } from './object-walk.ts'
import { writeTemporaryFile } from './temporary-file.ts'
import { isTemporaryName, temporaryName } from './temporary-name.ts'

const modes = { private: { file: 0o600, folder: 0o700 }, group: { file: 0o640, folder: 0o750 } } as const

export interface LocalStorageOptions {
  readonly disk: TreeDisk
  /** Absolute; must exist. */
  readonly path: string
  readonly mode: 'private' | 'group'
  readonly marker: string | undefined
  readonly hardLinks: boolean
  readonly log: PluginLogger
  readonly now: () => Date
}

/**
 * Objects as files: a key is a path below the base directory, its parts are file names. So no part may be longer than
 * the file system allows (255 bytes mostly), and a key cannot be the folder of another one. Keys that begin with
 * `.walr-tmp-`, and the marker's name, are not to be had. Empty folders stay.
 */
export class LocalStorage implements Storage {
  readonly capabilities: StorageCapabilities
  readonly #disk: TreeDisk
  readonly #base: BaseDirectory
  readonly #place: PublishingPlace
  readonly #leftovers: LeftoverFiles
  readonly #fileMode: number
  readonly #marker: string | undefined
  readonly #closing: AbortController = new AbortController()
  readonly #underWay: Set<Promise<unknown>> = new Set<Promise<unknown>>()

  constructor({ disk, path, mode, marker, hardLinks, log, now }: LocalStorageOptions) {
    this.#disk = disk
    this.#leftovers = new LeftoverFiles(disk, path, { log, now })
    this.#base = new BaseDirectory(disk, path, marker)
    this.#place = { disk, base: path, folders: new DurableFolders(disk, path, modes[mode].folder), hardLinks }
    this.#fileMode = modes[mode].file
    this.#marker = marker
    this.capabilities = {
      createIfAbsent: hardLinks ? 'atomic' : 'check-then-write',
      rangeReads: true,
      maxObjectBytes: Infinity,
    }
  }

  put(key: string, source: ByteSource, { ifAbsent, signal }: PutOptions): Promise<PutConfirmation> {
    return this.#run(signal, async (ending) => {
      this.#checkKey(key)
      await this.#base.enter()
      await this.#leftovers.removeOnce()
      ending.throwIfAborted()
      if (ifAbsent) await refuseExisting(this.#place, key)
      const temporary = join(this.#base.path, temporaryName(randomBytes(12).toString('hex')))
      const options = { mode: this.#fileMode, signal: ending }
      try {
        const confirmation = await writeTemporaryFile(this.#disk, temporary, source, options)
        ending.throwIfAborted()
        await publishObject(this.#place, temporary, key, ifAbsent)
        return confirmation
      } finally {
        // What cannot be removed now is removed by a later process, and is invisible until then.
        await this.#disk.remove(temporary).catch(() => undefined)
      }
    })
  }

  get(key: string, { offset = 0, length = Infinity, signal }: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#run(signal, async (ending) => {
      // Only regular files may be opened: opening a named pipe waits for a writer.
      await this.#stat(key)
      ending.throwIfAborted()
      const file = await this.#orNotFound(key, this.#disk.open(this.#path(key), 'read'))
      const size = await file.size().catch(async (error: unknown) => {
        await file.close()
        throw error
      })
      const [start, end] = [Math.min(offset, size), Math.min(offset + length, size)]
      return new ObjectReader(file, { start, end, signal: ending })
    })
  }

  head(key: string, { signal }: OperationOptions): Promise<StoredObject> {
    return this.#run(signal, () => this.#stat(key))
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    const ending = await this.#run(signal, async (both) => {
      const fault = keyPrefixFault(prefix)
      if (fault !== undefined) throw new StorageError('Permanent', `prefix "${prefix}" cannot be used: it ${fault}`)
      await this.#base.enter()
      return both
    })
    try {
      const isHidden = (key: string): boolean => this.#isReserved(key)
      yield* walkObjects(this.#disk, { base: this.#base.path, prefix, startAfter, signal: ending, isHidden })
      // What was unmounted meanwhile looked like the end.
      await this.#base.check()
    } catch (error) {
      throw this.#failure(error, signal)
    }
  }

  delete(keys: readonly string[], { signal }: OperationOptions): Promise<void> {
    return this.#run(signal, async (ending) => {
      for (const key of keys) this.#checkKey(key)
      await this.#base.enter()
      const folders = new Set<string>()
      for (const key of keys) {
        ending.throwIfAborted()
        if (await this.#remove(this.#path(key))) folders.add(dirname(this.#path(key)))
      }
      for (const folder of folders) await this.#syncIfThere(folder)
    })
  }

  /** Ends what is under way, with a StorageError, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new StorageError('Permanent', 'the storage was closed'))
    await Promise.allSettled(this.#underWay)
  }

  /** @param operation gets a signal that is aborted with the caller's, and when the storage is disposed of. */
  async #run<T>(signal: AbortSignal, operation: (ending: AbortSignal) => Promise<T>): Promise<T> {
    const ending = AbortSignal.any([signal, this.#closing.signal])
    const running = (async () => {
      ending.throwIfAborted()
      return operation(ending)
    })()
    this.#underWay.add(running)
    try {
      return await running
    } catch (error) {
      throw this.#failure(error, signal)
    } finally {
      this.#underWay.delete(running)
    }
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    return localStorageError(this.#closing.signal.aborted ? this.#closing.signal.reason : error)
  }

  async #stat(key: string): Promise<StoredObject> {
    this.#checkKey(key)
    await this.#base.enter()
    const stat = await this.#orNotFound(key, this.#disk.stat(this.#path(key)))
    if (stat?.kind === 'file') return { key, size: stat.size, modifiedAt: stat.modifiedAt }
    if (stat?.kind === 'other') throw new StorageError('Permanent', `"${this.#path(key)}" is not a regular file`)
    if (stat?.kind === 'directory') await this.#refuseEmptyFolder(key)
    return this.#notFound(key)
  }

  async #orNotFound<T>(key: string, operation: Promise<T>): Promise<T> {
    try {
      return await operation
    } catch (error) {
      // ENOTDIR: a part of the path is a file, so there is nothing below it.
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return this.#notFound(key)
      throw error
    }
  }

  async #notFound(key: string): Promise<never> {
    await this.#base.check()
    await refuseBrokenWay(this.#disk, this.#base.path, this.#path(key), 'object')
    throw new StorageError('NotFound', 'there is no such object')
  }

  /** A folder that has objects is the beginning of their keys. One that has none may be where a volume is to be mounted. */
  async #refuseEmptyFolder(key: string): Promise<void> {
    const signal = this.#closing.signal
    const options = { base: this.#base.path, prefix: `${key}/`, startAfter: undefined, signal, isHidden: () => false }
    const { done } = await walkObjects(this.#disk, options).next()
    if (done === true)
      throw new StorageError('Permanent', `"${this.#path(key)}" is an empty folder, not a regular file`)
  }

  /** @returns whether there was a chance that something was removed. A folder is no object. */
  async #remove(path: string): Promise<boolean> {
    try {
      await this.#disk.remove(path)
      return true
    } catch (error) {
      if (isSystemError(error, 'ENOTDIR')) return false
      if (isSystemError(error, 'EISDIR', 'EPERM') && (await this.#disk.stat(path))?.kind === 'directory') return false
      throw error
    }
  }

  async #syncIfThere(folder: string): Promise<void> {
    try {
      await this.#disk.syncDirectory(folder)
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
    }
  }

  #path(key: string): string {
    return join(this.#base.path, key)
  }

  #checkKey(key: string): void {
    const fault = objectKeyFault(key) ?? (this.#isReserved(key) ? 'is reserved for walr' : undefined)
    if (fault !== undefined) throw new StorageError('Permanent', `key "${key}" cannot be used: it ${fault}`)
  }

  #isReserved(key: string): boolean {
    return isTemporaryName(key) || key === this.#marker
  }
}
