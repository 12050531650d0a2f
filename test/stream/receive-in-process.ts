import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { directoryIdentityGuard } from '../../packages/core/src/app/directory-identity-guard.ts'
import type { Disk } from '../../packages/core/src/disk/disk.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { ReceiverStateHolder } from '../../packages/core/src/replication/receiver-state.ts'
import { WalReceiver, type WalReceiverOptions } from '../../packages/core/src/replication/wal-receiver.ts'
import type { Logger } from '../../packages/core/src/telemetry/logger.ts'
import { DiskRoom } from '../../packages/core/src/wal/disk-room.ts'
import { connectForTest } from '../connection/connect-for-test.ts'
import type { ScriptedWalsender } from '../support/scripted-walsender.ts'
import { waitFor } from '../support/wait-for.ts'
import type { WalDirectory } from './wal-directory.ts'

/** How the receiver ended. */
export type ReceiverEnd = { readonly end: string } | { readonly error: unknown }

/** A WalReceiver in this process, put together as `walr receive` does it, but for the lock and the command line. */
export class ReceiverInProcess implements AsyncDisposable {
  /** Everything logged, as `level: message`. */
  readonly log: string[] = []
  /** Errors that the receiver reported and went on after. */
  readonly reported: unknown[] = []
  readonly state: ReceiverStateHolder
  /** How it ended; never rejects. */
  readonly ended: Promise<ReceiverEnd>
  readonly #stop = new AbortController()

  constructor(server: Pick<ScriptedWalsender, 'conninfo'>, directory: WalDirectory, options: ReceiverTestOptions = {}) {
    const { disk = nodeDisk, ...rest } = options
    mkdirSync(join(directory.path, '.walr'), { recursive: true })
    const logger = this.#logger()
    const state = (this.state = new ReceiverStateHolder(logger))
    const report = (error: unknown): void => void this.reported.push(error)
    const signal = this.#stop.signal
    const listener = {
      onFull: (error: Error) => {
        report(error)
        state.set('blocked', error.message)
      },
      onRoom: () => state.set('streaming', 'there is room again'),
    }
    const receiver = new WalReceiver({
      disk,
      directory: directory.path,
      slot: undefined,
      flush: 'batch',
      sync: true,
      compression: { method: 'none' },
      statusIntervalMs: 10_000,
      endpos: undefined,
      acceptGap: false,
      loop: true,
      room: new DiskRoom({ disk, directory: directory.path, listener, signal, retryMs: 20 }),
      logger,
      state,
      report,
      stop: signal,
      connect: (ending) => connectForTest(server.conninfo, { signal: ending }),
      identity: directoryIdentityGuard(disk, directory.path),
      probeSlot: () => Promise.resolve({ state: 'unknown', restartLsn: undefined }),
      ...rest,
    })
    this.ended = receiver.run().then(
      (end) => ({ end }),
      (error: unknown) => ({ error }),
    )
  }

  /** As SIGTERM does. Resolves when the receiver has ended. */
  stop(): Promise<ReceiverEnd> {
    this.#stop.abort(new Error('stop'))
    return this.ended
  }

  /** Resolves to the first line of the log that matches. */
  logged(pattern: RegExp): Promise<string> {
    return waitFor(`the log says ${pattern.source}`, () => this.log.find((line) => pattern.test(line)), {
      intervalMs: 2,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #logger(): Logger {
    const record = (level: string) => (message: string) => void this.log.push(`${level}: ${message}`)
    return {
      error: record('error'),
      warning: record('warning'),
      notice: record('notice'),
      info: record('info'),
      debug: record('debug'),
    }
  }
}

/** What differs from a plain `walr receive -D DIRECTORY`. */
export type ReceiverTestOptions = Partial<WalReceiverOptions> & { readonly disk?: Disk }
