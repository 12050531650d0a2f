import { EXIT_CODES } from '../../errors/exit-codes.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { loggerTo } from '../../telemetry/logger-to.ts'
import { reportError } from '../../telemetry/report-error.ts'
import { createLogger } from '../create-logger.ts'
import { hangupStops } from '../plugins/hangup-stops.ts'
import { listenForStopSignals, StopRequest } from '../stop-signals.ts'
import { ProgressLine } from './progress-line.ts'
import type { WalFlags } from './wal-flags.ts'
import type { WalContext } from './wal-places.ts'

/** As a command about WAL is run. */
export interface WalCommandContext extends WalContext {
  readonly progress: ProgressLine
}

/** What it has to say. */
export interface WalCommandResult {
  /** For standard output. */
  readonly text: string
  readonly exitStatus: number
}

/**
 * Runs a command about WAL for this process: with its environment, its signals and its terminal. Errors are reported and
 * become the exit status.
 */
export async function runWalCommand(
  flags: WalFlags,
  print: (text: string) => void,
  run: (context: WalCommandContext) => Promise<WalCommandResult>,
): Promise<void> {
  const verbosity = flags['verbose'] === true ? 1 : 0
  const progress = new ProgressLine(process.stderr, flags['json'] === true)
  const logger = behind(progress, await createLogger({ verbosity, logFormat: 'text' }))
  const stop = listenForStopSignals(hangupStops())
  try {
    const { environment, workingDirectory } = { environment: process.env, workingDirectory: process.cwd() }
    const { text, exitStatus } = await run({ environment, workingDirectory, logger, signal: stop.signal, progress })
    progress.clear()
    print(text)
    process.exitCode = exitStatus
  } catch (error) {
    progress.clear()
    if (error instanceof StopRequest) logger.error(error.message)
    else reportError(logger, error, verbosity)
    process.exitCode = EXIT_CODES.failure
  } finally {
    stop.dispose()
  }
}

/** A logger whose messages do not stand behind the progress. */
function behind(progress: ProgressLine, logger: Logger): Logger {
  return loggerTo((level, message, extra) => {
    progress.clear()
    logger[level](message, extra)
  })
}
