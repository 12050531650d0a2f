import type { Writable } from 'node:stream'
import { printableLine } from '../../telemetry/printable-text.ts'
import { messageOutput } from '../../telemetry/output.ts'

/**
 * Tells what is being done: on a terminal in one line that changes, elsewhere in a line for each step. {@link clear} before
 * anything else is written there.
 */
export class StepLine {
  readonly #write: (text: string) => void
  readonly #isTerminal: boolean
  #isShown = false

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#write = messageOutput(stream)
    this.#isTerminal = stream.isTTY === true
  }

  readonly show = (words: string): void => {
    const step = printableLine(words)
    if (!this.#isTerminal) {
      this.#write(`walr: ${step}\n`)
      return
    }
    this.clear()
    this.#write(`walr: ${step} ...`)
    this.#isShown = true
  }

  /** Takes the line away, if there is one. */
  clear(): void {
    if (this.#isShown) this.#write('\r\u001b[K')
    this.#isShown = false
  }
}
