import { join } from 'node:path'
import type { Disk, DiskFile } from '../../disk/disk.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { WalCopy } from '../wal-source.ts'
import { givenPath, silentMark } from './prefetch-place.ts'

/** A file that was written and has no name yet that anybody looks for. */
export interface WrittenFile {
  readonly path: string
  readonly size: number
  readonly isUnfinished: boolean
}

/** The disk of the generation has failed. Recovery need not know of that: the client then writes by itself. */
export class FolderFault extends Error {
  override readonly name = 'FolderFault'
}

/** Whether it is for lack of room. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof FolderFault && isSystemError(error.cause, 'ENOSPC', 'EDQUOT')
}

/**
 * The files of a generation, which is the prefetcher's alone. `tmp/` has what is being written, `ready/` the finished
 * segments that `bin/walr` takes, `given/` what a client was told to take. A name outside of `tmp/` is given by a rename,
 * to a file that is whole. Nothing is synced: after a crash of the machine the postmaster is another one, and so is the
 * generation. When the disk fails, all methods reject with {@link FolderFault}.
 */
export class GenerationFolder {
  readonly path: string
  readonly #disk: Disk
  #nextNumber = 1
  #writtenBytes = 0

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.path = path
  }

  /** What `bin/walr` looks into. */
  get readyPath(): string {
    return join(this.path, 'ready')
  }

  /** Of all copies so far, whole or not. */
  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** Removes what a prefetcher left that was killed, and makes the folders. The line goes first: it makes `ready/` count. */
  async prepare(): Promise<void> {
    await onDisk(this.#disk.remove(this.#linePath))
    await this.speak()
    for (const folder of ['tmp', 'ready', 'given']) {
      const path = join(this.path, folder)
      await onDisk(this.#disk.makeDirectory(path))
      for (const { name } of await onDisk(this.#disk.list(path))) await onDisk(this.#disk.remove(join(path, name)))
    }
  }

  /** Clients ask again that had found the prefetcher silent. */
  async speak(): Promise<void> {
    await onDisk(this.#disk.remove(silentMark({ generation: this.path })))
  }

  /** From here on `bin/walr` takes files for calls with these arguments. */
  async announce(line: string): Promise<void> {
    const path = join(this.path, 'tmp', 'arguments')
    const bytes = Buffer.from(`${line}\n`)
    const file = await onDisk(this.#disk.open(path, 'create'))
    try {
      await onDisk(file.write(bytes, 0, bytes.length, 0))
    } finally {
      await onDisk(file.close())
    }
    await onDisk(this.#disk.rename(path, this.#linePath))
  }

  get #linePath(): string {
    return join(this.path, 'arguments')
  }

  /**
   * Writes a copy.
   * @throws WalrError WALR_SEGMENT_CORRUPT when its length is not the one that it says itself, or not `expectedSize`; what
   * reading it throws; the signal's reason. Then nothing is left of it.
   */
  async write(copy: WalCopy, expectedSize: number | undefined, signal: AbortSignal): Promise<WrittenFile> {
    const path = join(this.path, 'tmp', String(this.#nextNumber++))
    try {
      const file = await onDisk(this.#disk.open(path, 'createNew'))
      let size: number
      try {
        size = await this.#writeAll(file, copy, signal)
      } finally {
        await onDisk(file.close())
      }
      for (const expected of [copy.size, expectedSize]) {
        if (expected !== undefined && expected !== size) throw wrongSize(copy, size, `${expected}`)
      }
      return { path, size, isUnfinished: copy.isUnfinished }
    } catch (error) {
      await this.#disk.remove(path).catch(() => undefined)
      throw error
    }
  }

  async #writeAll(file: DiskFile, copy: WalCopy, signal: AbortSignal): Promise<number> {
    let length = 0
    for await (const chunk of copy.open(signal)) {
      signal.throwIfAborted()
      await onDisk(file.write(chunk, 0, chunk.length, length))
      length += chunk.length
      this.#writtenBytes += chunk.length
    }
    signal.throwIfAborted()
    return length
  }

  /** The bytes of a small file. */
  async read(file: WrittenFile): Promise<Buffer> {
    const opened = await onDisk(this.#disk.open(file.path, 'read'))
    try {
      const bytes = Buffer.alloc(file.size)
      return bytes.subarray(0, await onDisk(opened.read(bytes, 0)))
    } finally {
      await onDisk(opened.close())
    }
  }

  async discard(file: WrittenFile): Promise<void> {
    await onDisk(this.#disk.remove(file.path))
  }

  /** Gives a finished segment the name under which `bin/walr` takes it. */
  async publish(file: WrittenFile, name: string): Promise<void> {
    await onDisk(this.#disk.rename(file.path, join(this.readyPath, name)))
  }

  /** Lets a client take a file that was just written. Returns its name in `given/`. */
  async give(file: WrittenFile): Promise<string> {
    const given = String(this.#nextNumber++)
    await onDisk(this.#disk.rename(file.path, givenPath(this.path, given)))
    return given
  }

  /** As {@link give}, out of `ready/`; undefined when `bin/walr` was quicker. */
  async giveReady(name: string): Promise<string | undefined> {
    const given = String(this.#nextNumber++)
    try {
      await this.#disk.rename(join(this.readyPath, name), givenPath(this.path, given))
      return given
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined
      throw new FolderFault(systemErrorText(error), { cause: error })
    }
  }

  /** After a client took it or went away. */
  async removeGiven(given: string): Promise<void> {
    await onDisk(this.#disk.remove(givenPath(this.path, given)))
  }

  async removeReady(name: string): Promise<void> {
    await onDisk(this.#disk.remove(join(this.readyPath, name)))
  }

  async listReady(): Promise<ReadonlySet<string>> {
    return new Set((await onDisk(this.#disk.list(this.readyPath))).map(({ name }) => name))
  }

  /** How much an unprivileged process may still write. */
  freeBytes(): Promise<number> {
    return onDisk(this.#disk.freeBytes(this.path))
  }
}

/** For a copy that is not what it should be. */
export function wrongSize(copy: WalCopy, size: number, expected: string): WalrError {
  return new WalrError('WALR_SEGMENT_CORRUPT', `${copy.description} gave ${size} bytes instead of ${expected}`, {
    hint: 'It was not handed to PostgreSQL. Put a good copy in its place.',
  })
}

async function onDisk<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw new FolderFault(systemErrorText(error), { cause: error })
  }
}
