import type { Logger } from '../../packages/core/src/telemetry/logger.ts'

/** A logger for tests that do not look at what is logged. */
export const silentLogger: Logger = {
  error: () => undefined,
  warning: () => undefined,
  notice: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}
