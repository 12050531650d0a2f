import type { Writable } from 'node:stream'
import { messageOutput } from '../../telemetry/output.ts'

/** A line on a terminal is drawn anew no sooner than this, and a line elsewhere follows another no sooner. */
const TERMINAL_MS = 200
const ELSEWHERE_MS = 30_000

/**
 * Tells how far long work is: on a terminal in one line that changes, elsewhere in a line now and then. {@link clear} before
 * anything else is written there.
 */
export class ProgressLine {
  readonly #write: (text: string) => void
  readonly #isTerminal: boolean
  readonly #isSilent: boolean
  readonly #nowMs: () => number
  #nextMs: number
  #isShown = false

  constructor(
    stream: Writable & { readonly isTTY?: boolean },
    isSilent: boolean,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#write = messageOutput(stream)
    this.#isTerminal = stream.isTTY === true
    this.#isSilent = isSilent
    this.#nowMs = nowMs
    this.#nextMs = nowMs() + (this.#isTerminal ? 0 : ELSEWHERE_MS)
  }

  /** @param words made only when they are shown. */
  show(words: () => string): void {
    if (this.#isSilent || this.#nowMs() < this.#nextMs) return
    this.#nextMs = this.#nowMs() + (this.#isTerminal ? TERMINAL_MS : ELSEWHERE_MS)
    if (!this.#isTerminal) {
      this.#write(`walr: ${words()}\n`)
      return
    }
    this.clear()
    this.#write(`walr: ${words()}`)
    this.#isShown = true
  }

  /** Takes the line away, if there is one. */
  clear(): void {
    if (this.#isShown) this.#write('\r\u001b[K')
    this.#isShown = false
  }
}
