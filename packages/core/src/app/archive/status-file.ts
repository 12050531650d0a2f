import { hostname } from 'node:os'
import { join } from 'node:path'
import { INITIAL_ARCHIVE_STATUS, type ArchiveState, type ArchiveStatus } from '../../archive/archive-status.ts'
import type { Disk } from '../../disk/disk.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { GuardSlotStatus } from '../../replication/guard-slot.ts'
import type { ReceiverStatus } from '../../replication/receiver-state.ts'
import type { HttpStatus } from '../serve/http-status.ts'
import { readSmallFile } from '../../wal/read-whole-file.ts'

/** What a running walr says of itself, in `.walr/status.json` of its receive directory. */
export interface ReportedStatus {
  readonly format: 1
  /** ISO 8601; a report that is older than {@link STALE_MS} is of a walr that does not run any more. */
  readonly updatedAt: string
  readonly pid: number
  readonly host: string
  readonly receiver: { readonly state: ReceiverStatus['state']; readonly reason: string; readonly since: string }
  readonly archive: ReportedArchive
  /** Undefined without a guard slot. */
  readonly guard: GuardSlotStatus | undefined
  /** Undefined when nothing is served over HTTP. */
  readonly http?: HttpStatus | undefined
}

/** `off`: there is none, and the rest means nothing. */
export type ReportedArchive = Omit<ArchiveStatus, 'state'> & { readonly state: ArchiveState | 'off' }

/** The parts that others know. */
export type StatusParts = Pick<ReportedStatus, 'receiver' | 'archive' | 'guard' | 'http'>

export const NO_ARCHIVE: ReportedArchive = { ...INITIAL_ARCHIVE_STATUS, state: 'off' }

/** What it says of the receiver. */
export function reportedReceiver({ since, ...receiver }: ReceiverStatus): ReportedStatus['receiver'] {
  return { ...receiver, since: since.toISOString() }
}

export const STALE_MS = 30_000

const STATUS_FILE = join('.walr', 'status.json')
const HEARTBEAT_MS = 10_000
const FASTEST_MS = 1000

/** Writes the status when it changes, not too often, and now and then without a change. Never durably: it is only news. */
export class StatusFile {
  readonly #disk: Disk
  readonly #path: string
  readonly #read: () => StatusParts
  readonly #heartbeat: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(disk: Disk, directory: string, read: () => StatusParts) {
    this.#disk = disk
    this.#path = join(directory, STATUS_FILE)
    this.#read = read
    this.#heartbeat = setInterval(() => this.changed(), HEARTBEAT_MS)
    this.#heartbeat.unref()
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writing = this.#writing.then(() => this.#write())
    }, FASTEST_MS)
    this.#timer.unref()
  }

  /** Writes it a last time. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat)
    clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
  }

  /** Never rejects: a status that cannot be written is an old one, and its date says so. */
  async #write(): Promise<void> {
    const status: ReportedStatus = {
      format: 1,
      updatedAt: new Date().toISOString(),
      pid: process.pid,
      host: hostname(),
      ...this.#read(),
    }
    const bytes = Buffer.from(`${JSON.stringify(status, undefined, 2)}\n`)
    const temporary = `${this.#path}.tmp`
    try {
      const file = await this.#disk.open(temporary, 'create')
      try {
        await file.truncate(0)
        await file.write(bytes, 0, bytes.length, 0)
      } finally {
        await file.close()
      }
      await this.#disk.rename(temporary, this.#path)
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
  }
}

/**
 * Reads what a walr says of itself.
 * @returns undefined when none has ever written a status into this directory.
 * @throws WalrError WALR_DIRECTORY
 */
export async function readStatusFile(disk: Disk, directory: string): Promise<ReportedStatus | undefined> {
  const path = join(directory, STATUS_FILE)
  try {
    const value: unknown = JSON.parse((await readSmallFile(disk, path)).toString('utf8'))
    if (isStatus(value)) return value
    throw new WalrError('WALR_DIRECTORY', `"${path}" is not a status of this version of walr`)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, { cause: error })
  }
}

function isStatus(value: unknown): value is ReportedStatus {
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== 1) return false
  return 'archive' in value && 'receiver' in value
}
