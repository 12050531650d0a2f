import { createInterface } from 'node:readline/promises'
import { StopRequest } from './stop-signals.ts'
import type { Ask } from './config-init.ts'

/** Asks on a terminal until it is disposed of. */
export interface TerminalQuestions extends Disposable {
  readonly ask: Ask
}

/**
 * Asks questions on standard error and reads the answers from standard input, which has to be a terminal.
 * `ask` rejects with a StopRequest when the input ends or Ctrl-C is typed.
 */
export function terminalQuestions(): TerminalQuestions {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const interruption = new AbortController()
  const stop = (): void => interruption.abort(new StopRequest('SIGINT'))
  lines.on('SIGINT', stop).on('close', stop)
  return {
    ask: async (question) => {
      try {
        return await lines.question(question, { signal: interruption.signal })
      } catch (error) {
        if (interruption.signal.aborted) throw interruption.signal.reason
        throw error
      }
    },
    [Symbol.dispose]: () => lines.close(),
  }
}
