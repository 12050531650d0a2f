import type { Writable } from 'node:stream'
import type { ColourEnvironment } from './colours.ts'
import { coloured, coloursFor } from './colours.ts'
import type { LogExtra, Logger } from './logger.ts'
import { messageOutput } from './output.ts'
import { redact } from './redact.ts'
import type { Verbosity } from './verbosity.ts'

export interface TextLoggerOptions {
  readonly verbosity: Verbosity
  /** Standard error by default. */
  readonly stream?: Writable & { readonly isTTY?: boolean }
  readonly environment?: ColourEnvironment
  /** What messages begin with. */
  readonly programName?: string
}

/**
 * A logger that prints as PostgreSQL's client programs do: `walr: error: ...`, `walr: warning: ...`, no level word for the
 * rest, and `detail`, `hint` and, when verbose, `code` on lines of their own. Passwords are masked.
 * @see `src/common/logging.c`
 */
export function createTextLogger(options: TextLoggerOptions): Logger {
  const { verbosity, stream = process.stderr, environment = process.env, programName = 'walr' } = options
  const colours = coloursFor(environment, stream.isTTY === true)
  const locus = coloured(`${programName}: `, colours.locus)
  const write = messageOutput(stream)

  const line = (levelWord: string, text: string): string => `${locus}${levelWord}${redact(text).replace(/\n+$/, '')}\n`
  const note = (word: string, text: string | undefined): string =>
    text === undefined || text === '' ? '' : line(coloured(`${word}: `, colours.note), text)
  const print = (levelWord: string, message: string, extra: LogExtra = {}): void => {
    const code = verbosity > 0 ? extra.code : undefined
    // One write, so that lines of one message are not torn apart by another process.
    write(line(levelWord, message) + note('detail', extra.detail) + note('hint', extra.hint) + note('code', code))
  }

  return {
    error: (message, extra) => print(coloured('error: ', colours.error), message, extra),
    warning: (message, extra) => print(coloured('warning: ', colours.warning), message, extra),
    notice: (message, extra) => print('', message, extra),
    info: (message, extra) => {
      if (verbosity >= 1) print('', message, extra)
    },
    debug: (message, extra) => {
      if (verbosity >= 2) print('', message, extra)
    },
  }
}
