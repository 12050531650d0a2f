import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { reportError } from '../../telemetry/report-error.ts'
import { parseSystemIdentifier } from '../../wal/system-identifier.ts'
import { createLogger } from '../create-logger.ts'
import type { LogSettings } from '../receive-options/receive-options.ts'
import { listenForStopSignals, StopRequest } from '../stop-signals.ts'
import type { ServeOptions } from './serve-app.ts'

/**
 * Runs `walr serve` until SIGINT or SIGTERM.
 * @returns the exit code.
 */
export async function serveEntry(options: ServeOptions, log: LogSettings): Promise<number> {
  const logger = await createLogger(log)
  const stop = listenForStopSignals()
  try {
    checkOptions(options)
    const { runServe } = await import('./serve-app.ts')
    const { signal } = stop
    await runServe(options, { logger, signal, environment: process.env, workingDirectory: process.cwd() })
    return EXIT_CODES.success
  } catch (error) {
    if (error instanceof StopRequest) return EXIT_CODES.success
    reportError(logger, error, log.verbosity)
    return EXIT_CODES.failure
  } finally {
    stop.dispose()
  }
}

function checkOptions({ systemIdentifier, directory }: ServeOptions): void {
  if (systemIdentifier !== undefined && parseSystemIdentifier(systemIdentifier) === undefined) {
    throw new WalrError('WALR_USAGE', `invalid value "${systemIdentifier}" for option --system-identifier`, {
      hint: 'It is a decimal number; pg_controldata shows it.',
    })
  }
  if (directory === '') throw new WalrError('WALR_USAGE', 'the receive directory is an empty string')
}
