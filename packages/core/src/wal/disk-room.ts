import { setTimeout as delay } from 'node:timers/promises'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'

/**
 * What the owner of a {@link DiskRoom} is told. Each call of `onFull` is followed by one of `onRoom`, unless walr stops or
 * the operation fails for another reason.
 */
export interface DiskRoomListener {
  onFull(error: WalrError): void
  onRoom(): void
}

export interface DiskRoomOptions {
  readonly disk: Disk
  readonly directory: string
  readonly listener: DiskRoomListener
  /** Ends every wait with an AbortError. */
  readonly signal: AbortSignal
  /** Time between two looks at a full disk. */
  readonly retryMs?: number
}

/**
 * Waits for a full disk to have room again (law 7): a write that fails for lack of space is repeated until it succeeds, and
 * nothing is lost, because whoever feeds the writer stops reading meanwhile.
 */
export class DiskRoom {
  readonly #options: DiskRoomOptions
  readonly #retryMs: number

  constructor(options: DiskRoomOptions) {
    this.#options = options
    this.#retryMs = options.retryMs ?? 1000
  }

  /** Whether an error of a file operation means "no room", by file system, quota or file size limit. */
  static isFull(error: unknown): boolean {
    if (isWalrError(error, 'WALR_WRITE_FAILED')) return DiskRoom.isFull(error.cause)
    return isSystemError(error, 'ENOSPC', 'EDQUOT')
  }

  /**
   * Runs `write` until it no longer fails for lack of room. Any other error passes through. `firstError`: it has just
   * failed that way already.
   */
  async repeat<T>(write: () => Promise<T>, firstError?: unknown): Promise<T> {
    let full = false
    let failure = firstError
    for (;;) {
      if (failure === undefined) {
        try {
          const result = await write()
          if (full) this.#options.listener.onRoom()
          return result
        } catch (error) {
          if (!DiskRoom.isFull(error)) throw error
          failure = error
        }
      }
      if (!full) this.#options.listener.onFull(this.#fullError(systemErrorText(failure), failure))
      full = true
      failure = undefined
      await delay(this.#retryMs, undefined, { signal: this.#options.signal })
    }
  }

  /** Resolves once `bytes` are free, so that a sparse file, which reserves nothing, can be filled. */
  async ensure(bytes: number): Promise<void> {
    let full = false
    for (;;) {
      const free = await this.#options.disk.freeBytes(this.#options.directory)
      if (free >= bytes) break
      if (!full)
        this.#options.listener.onFull(this.#fullError(`${free} bytes are free, the next segment needs ${bytes}`))
      full = true
      await delay(this.#retryMs, undefined, { signal: this.#options.signal })
    }
    if (full) this.#options.listener.onRoom()
  }

  #fullError(reason: string, cause?: unknown): WalrError {
    return new WalrError('WALR_DISK_FULL', `no room in "${this.#options.directory}": ${reason}`, {
      hint: 'Make room. Receiving goes on by itself; until then the connection is kept and nothing is acknowledged.',
      cause,
    })
  }
}
