import type { ServerSession } from './server-session.ts'

const HEADER = 5
const COPY_DATA = 0x64 // 'd'
/** Room for any message that a receiver sends; the longest, the standby status, has 34 bytes. */
const CAPACITY = 64

/** Frames CopyData messages in a buffer that is used again as soon as the system has taken it. */
export class CopyDataWriter {
  readonly #session: Pick<ServerSession, 'send'>
  readonly #buffer: Buffer = Buffer.alloc(HEADER + CAPACITY)
  #free = true
  readonly #release = (): void => {
    this.#free = true
  }

  constructor(session: Pick<ServerSession, 'send'>) {
    this.#session = session
  }

  /** Queues `payload` as one CopyData message; it is copied before this returns. */
  write(payload: Uint8Array): void {
    const length = HEADER + payload.length
    const reusable = this.#free && payload.length <= CAPACITY
    const frame = reusable ? this.#buffer : Buffer.allocUnsafe(length)
    frame[0] = COPY_DATA
    frame.writeInt32BE(payload.length + 4, 1)
    frame.set(payload, HEADER)
    if (reusable) this.#free = false
    this.#session.send(reusable ? frame.subarray(0, length) : frame, reusable ? this.#release : undefined)
  }
}
