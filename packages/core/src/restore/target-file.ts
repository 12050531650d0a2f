import type { Disk, DiskFile } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'

/** Appends to the file that PostgreSQL will get. */
export interface TargetWriter {
  write(bytes: Uint8Array): Promise<void>
}

export interface TargetOptions {
  readonly disk: Disk
  readonly path: string
  /** `never` for a file that may be lost with the machine. */
  readonly sync: 'always' | 'never'
  readonly signal: AbortSignal
}

/**
 * Makes a file, all at once: `fill` writes under another name beside it, and only what was written wholly, and synced, gets
 * the name. When `fill` rejects, or `signal` aborts before the name is given, nothing is there.
 * @throws the signal's reason when it aborts
 * @throws WalrError WALR_WRITE_FAILED, WALR_DISK_FULL or WALR_FSYNC_FAILED, or what `fill` rejects with.
 */
export async function writeTarget(
  { disk, path, sync, signal }: TargetOptions,
  fill: (writer: TargetWriter) => Promise<void>,
): Promise<void> {
  // Its own name for each process, since one that was left alone by a dying server must not write into the next one's
  // file, and for each file, since an attempt that was given up may still be writing.
  temporaries += 1
  const temporary = `${path}.walr-${process.pid}-${temporaries}.tmp`
  try {
    const file = await orWriteFailed(path, disk.open(temporary, 'create'))
    try {
      await orWriteFailed(path, file.truncate(0))
      await fill(new Appender(path, file, signal))
      if (sync === 'always') await fsync(path, file)
    } finally {
      await orWriteFailed(path, file.close())
    }
    signal.throwIfAborted()
    await orWriteFailed(path, disk.rename(temporary, path))
  } catch (error) {
    // The first failure is the one to tell about.
    await disk.remove(temporary).catch(() => undefined)
    throw error
  }
}

let temporaries = 0

class Appender implements TargetWriter {
  readonly #path: string
  readonly #file: DiskFile
  readonly #signal: AbortSignal
  #length = 0

  constructor(path: string, file: DiskFile, signal: AbortSignal) {
    this.#path = path
    this.#file = file
    this.#signal = signal
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted()
    await orWriteFailed(this.#path, this.#file.write(bytes, 0, bytes.length, this.#length))
    this.#length += bytes.length
  }
}

async function fsync(path: string, file: DiskFile): Promise<void> {
  try {
    await file.sync()
  } catch (cause) {
    throw new WalrError('WALR_FSYNC_FAILED', `could not fsync file "${path}": ${systemErrorText(cause)}`, { cause })
  }
}

async function orWriteFailed<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (cause) {
    const code = isSystemError(cause, 'ENOSPC', 'EDQUOT') ? 'WALR_DISK_FULL' : 'WALR_WRITE_FAILED'
    throw new WalrError(code, `could not write file "${path}": ${systemErrorText(cause)}`, { cause })
  }
}
