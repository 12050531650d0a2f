import { setTimeout as delay } from 'node:timers/promises'
import type { Disk } from '../disk/disk.ts'
import type { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { DiskRoom } from './disk-room.ts'

/** A logger that keeps what it is told, as `level: message`. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = []

  error(message: string): void {
    this.lines.push(`error: ${message}`)
  }

  warning(message: string): void {
    this.lines.push(`warning: ${message}`)
  }

  notice(message: string): void {
    this.lines.push(`notice: ${message}`)
  }

  info(message: string): void {
    this.lines.push(`info: ${message}`)
  }

  debug(message: string): void {
    this.lines.push(`debug: ${message}`)
  }
}

/** A room that looks every few milliseconds and keeps what its listener was told. */
export class RecordingRoom {
  readonly events: string[] = []
  readonly errors: WalrError[] = []
  readonly room: DiskRoom
  readonly #stop = new AbortController()

  constructor(disk: Disk, directory: string) {
    this.room = new DiskRoom({
      disk,
      directory,
      signal: this.#stop.signal,
      retryMs: 5,
      listener: {
        onFull: (error) => {
          this.events.push('full')
          this.errors.push(error)
        },
        onRoom: () => this.events.push('room'),
      },
    })
  }

  abort(): void {
    this.#stop.abort()
  }
}

/** Waits until `condition` holds; fails after five seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not reached in time: ${what}`)
    await delay(2)
  }
}
