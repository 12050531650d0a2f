import type { Transform } from 'node:stream'
import { WalrError } from '../../errors/walr-error.ts'

/** What a {@link ZlibPump} needs of a stream of node:zlib. */
export interface ZlibStream extends Transform {
  readonly bytesWritten: number
  flush(kind: number, callback: () => void): void
}

/**
 * Drives a stream of node:zlib in steps: each step ends when the stream has taken its input and given all the output that
 * it can make of it. Output is pulled, so that a consumer that is slow stops the stream.
 */
export class ZlibPump {
  readonly #transform: ZlibStream
  readonly #translate: (failure: Error) => Error
  #failure: Error | undefined
  #ended = false
  #closed = false
  #wake: () => void = () => undefined

  /** `translate` makes the error that callers see of the stream's own. */
  constructor(transform: ZlibStream, translate: (failure: Error) => Error) {
    this.#transform = transform
    this.#translate = translate
    transform.on('readable', () => this.#wake())
    transform.on('error', (error: Error) => {
      this.#failure = error
      this.#wake()
    })
    transform.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    transform.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** How many bytes the stream has taken; less than it was given when its format ended before them. */
  get taken(): number {
    return this.#transform.bytesWritten
  }

  write(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#step((done) => void this.#transform.write(bytes, done))
  }

  flush(kind: number): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#step((done) => {
      this.#transform.flush(kind, done)
    })
  }

  end(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#step(() => void this.#transform.end())
  }

  destroy(): void {
    this.#transform.destroy()
  }

  /** The stream calls `done` when it went well only, so failure, end and close are watched, too. */
  async *#step(start: (done: () => void) => void): AsyncGenerator<Uint8Array, void, undefined> {
    const step = { done: false }
    start(() => {
      step.done = true
      this.#wake()
    })
    for (;;) {
      const chunk: unknown = this.#transform.read()
      if (chunk instanceof Uint8Array) {
        yield chunk
        continue
      }
      if (this.#failure !== undefined) throw this.#translate(this.#failure)
      if (step.done || this.#ended) return
      if (this.#closed) throw new WalrError('WALR_INTERNAL', 'a compression stream was used after it was destroyed')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
