import type { LogExtra, Logger } from './logger.ts'

/** A logger whose messages all go to one function. */
export function loggerTo(write: (level: keyof Logger, message: string, extra?: LogExtra) => void): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, extra?: LogExtra): void =>
      write(level, message, extra)
  return { error: at('error'), warning: at('warning'), notice: at('notice'), info: at('info'), debug: at('debug') }
}
