const HEADER = 5
const COPY_DATA = 0x64 // 'd'

/** Where frames go; in life a session over a socket. */
export interface FrameTarget {
  /** Whether the system has taken everything sent so far: then no buffer is in use any more. */
  readonly idle: boolean
  /** Sends a frame, which must not be changed before {@link idle} is true again. */
  send(frame: Uint8Array): void
}

/**
 * Frames CopyData messages. A receiver sends messages of one length, standby statuses; as long as each has left before the
 * next one comes they go through one buffer, and nothing is allocated.
 */
export class CopyDataWriter {
  readonly #target: FrameTarget
  #frame: Buffer = Buffer.alloc(0)

  constructor(target: FrameTarget) {
    this.#target = target
  }

  /** Queues `payload` as one CopyData message; it is copied before this returns. */
  write(payload: Uint8Array): void {
    if (!this.#target.idle || this.#frame.length !== HEADER + payload.length) {
      this.#frame = Buffer.allocUnsafeSlow(HEADER + payload.length)
      this.#frame[0] = COPY_DATA
      this.#frame.writeInt32BE(payload.length + 4, 1)
    }
    this.#frame.set(payload, HEADER)
    this.#target.send(this.#frame)
  }
}
