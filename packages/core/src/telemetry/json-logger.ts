import type { Writable } from 'node:stream'
import type { LogExtra, Logger } from './logger.ts'
import { messageOutput } from './output.ts'
import { isSecretName, maskedValue, redact } from './redact.ts'
import type { Verbosity } from './verbosity.ts'

export interface JsonLoggerOptions {
  readonly verbosity: Verbosity
  /** Standard error by default. */
  readonly stream?: Writable
}

const levels = { debug: 20, info: 30, notice: 35, warning: 40, error: 50 }
const lowestLevel = ['notice', 'info', 'debug'] as const

/**
 * A logger that prints one JSON object a line: `level` (the name), `time` (ISO 8601, UTC), `msg`, where they exist `code`,
 * `detail` and `hint`, and the fields. A field that would hide one of these names gets an underscore behind its own.
 * Passwords are masked. pino is loaded here and not before.
 */
export async function createJsonLogger(options: JsonLoggerOptions): Promise<Logger> {
  const { verbosity, stream = process.stderr } = options
  const { pino, stdTimeFunctions } = await import('pino')
  const logger = pino(
    {
      level: lowestLevel[verbosity],
      customLevels: levels,
      useOnlyCustomLevels: true,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: messageOutput(stream) },
  )
  return {
    error: (message, extra) => logger.error(toRecord(extra), redact(message)),
    warning: (message, extra) => logger.warning(toRecord(extra), redact(message)),
    notice: (message, extra) => logger.notice(toRecord(extra), redact(message)),
    info: (message, extra) => logger.info(toRecord(extra), redact(message)),
    debug: (message, extra) => logger.debug(toRecord(extra), redact(message)),
  }
}

const reservedNames = new Set(['level', 'time', 'msg', 'code', 'detail', 'hint'])

function toRecord(extra: LogExtra = {}): Record<string, string | number | boolean> {
  const record: Record<string, string | number | boolean> = {}
  if (extra.code !== undefined) record['code'] = extra.code
  if (extra.detail !== undefined) record['detail'] = redact(extra.detail)
  if (extra.hint !== undefined) record['hint'] = redact(extra.hint)
  for (const [name, value] of Object.entries(extra.fields ?? {})) {
    if (value !== undefined) record[reservedNames.has(name) ? `${name}_` : name] = toField(name, value)
  }
  return record
}

function toField(name: string, value: string | number | boolean): string | number | boolean {
  if (isSecretName(name)) return maskedValue()
  return typeof value === 'string' ? redact(value) : value
}
