import type { Logger } from '../telemetry/logger.ts'
import { createTextLogger } from '../telemetry/text-logger.ts'
import type { LogSettings } from './receive-options/receive-options.ts'

/** The logger that the command line asks for, on standard error. */
export async function createLogger({ verbosity, logFormat }: LogSettings): Promise<Logger> {
  if (logFormat === 'text') return createTextLogger({ verbosity })
  const { createJsonLogger } = await import('../telemetry/json-logger.ts')
  return createJsonLogger({ verbosity })
}
