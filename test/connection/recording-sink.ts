import { createHash } from 'node:crypto'
import type { CopySink } from '../../packages/core/src/replication/connection/replication-connection.ts'

/** What a sink does beside recording; a promise holds up the stream. */
export interface SinkSteps {
  readonly onWalData?: (sink: RecordingSink) => void | Promise<void>
  readonly onKeepalive?: (sink: RecordingSink, replyRequested: boolean) => void | Promise<void>
  readonly onReadEnd?: (sink: RecordingSink, dry: boolean) => void | Promise<void>
  readonly onCopyDone?: (sink: RecordingSink) => void | Promise<void>
}

/** Keeps what a stream hands over, and complains when it is called while a promise of its own is pending. */
export class RecordingSink implements CopySink {
  readonly events: string[] = []
  startCount = 0
  walBytes = 0
  readEndCount = 0
  /** Calls that came while the sink was still at work. */
  overlapCount = 0
  readonly #steps: SinkSteps
  readonly #hash = createHash('sha256')
  #working = false

  constructor(steps: SinkSteps = {}) {
    this.#steps = steps
  }

  /** SHA-256 of the WAL so far. Call it once. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  onStart(): void {
    this.startCount++
    this.#called('start')
  }

  onWalHeader(startHigh: number, startLow: number): void {
    this.#called(`wal ${startHigh.toString(16)}/${startLow.toString(16)}`)
  }

  onWalData(bytes: Buffer, offset: number, length: number): void | Promise<void> {
    this.#called()
    this.#hash.update(bytes.subarray(offset, offset + length))
    this.walBytes += length
    return this.#work(this.#steps.onWalData?.(this))
  }

  onKeepalive(_walEndHigh: number, _walEndLow: number, replyRequested: boolean): void | Promise<void> {
    this.#called('keepalive')
    return this.#work(this.#steps.onKeepalive?.(this, replyRequested))
  }

  onReadEnd(dry: boolean): void | Promise<void> {
    this.#called()
    this.readEndCount++
    return this.#work(this.#steps.onReadEnd?.(this, dry))
  }

  onCopyDone(): void | Promise<void> {
    this.#called('copy done')
    return this.#work(this.#steps.onCopyDone?.(this))
  }

  #called(event?: string): void {
    if (this.#working) this.overlapCount++
    if (event !== undefined) this.events.push(event)
  }

  #work(step: void | Promise<void>): void | Promise<void> {
    if (!step) return
    this.#working = true
    return step.finally(() => {
      this.#working = false
    })
  }
}
