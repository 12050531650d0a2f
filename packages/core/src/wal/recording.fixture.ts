import { setTimeout as delay } from 'node:timers/promises'
import type { Disk } from '../disk/disk.ts'
import type { WalrError } from '../errors/walr-error.ts'
import type { LogExtra, Logger } from '../telemetry/logger.ts'
import { DiskRoom } from './disk-room.ts'

/** A logger that keeps what it is told, as `level: message`. */
export class RecordingLogger implements Logger {
  readonly lines: string[] = []
  readonly extras: LogExtra[] = []

  /** All of it. */
  get text(): string {
    return `${this.lines.join('\n')}\n${JSON.stringify(this.extras)}`
  }

  error(message: string, extra?: LogExtra): void {
    this.#keep('error', message, extra)
  }

  warning(message: string, extra?: LogExtra): void {
    this.#keep('warning', message, extra)
  }

  notice(message: string, extra?: LogExtra): void {
    this.#keep('notice', message, extra)
  }

  info(message: string, extra?: LogExtra): void {
    this.#keep('info', message, extra)
  }

  debug(message: string, extra?: LogExtra): void {
    this.#keep('debug', message, extra)
  }

  #keep(level: string, message: string, extra: LogExtra | undefined): void {
    this.lines.push(`${level}: ${message}`)
    if (extra) this.extras.push(extra)
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
