import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { loggerTo } from '../../telemetry/logger-to.ts'
import { reportError } from '../../telemetry/report-error.ts'
import type { Verbosity } from '../../telemetry/verbosity.ts'
import { createLogger } from '../create-logger.ts'
import { listenForStopSignals, StopRequest } from '../stop-signals.ts'
import { dataDirectoriesHere } from './data-directories-here.ts'
import { hangupStops } from './hangup-stops.ts'
import type { PluginContext } from './plugin-context.ts'
import { StepLine } from './step-line.ts'

/** Parsed flags of a command about plugins; those that it lacks are undefined. */
export type PluginFlags = Readonly<Record<string, unknown>>

/** What a command about plugins has to say. */
export interface PluginCommandResult {
  /** For standard output. */
  readonly text: string
  readonly exitStatus: number
}

/**
 * Runs a command about plugins for this process: with its environment, its signals and its terminal. Errors are reported and
 * become the exit status.
 * @param print gets the text, if there is any.
 */
export async function runPluginCommand(
  flags: PluginFlags,
  print: (text: string) => void,
  run: (context: PluginContext) => Promise<PluginCommandResult>,
): Promise<void> {
  const verbosity: Verbosity = flags['verbose'] === true ? 1 : 0
  const steps = new StepLine(process.stderr)
  const logger = await createLogger({ verbosity, logFormat: 'text' })
  const log = behind(steps, logger)
  const stop = listenForStopSignals(hangupStops())
  const config = flags['config']
  try {
    const { text, exitStatus } = await run({
      environment: process.env,
      workingDirectory: process.cwd(),
      dataDirectories: dataDirectoriesHere(),
      configPath: typeof config === 'string' ? config : undefined,
      logger: log,
      signal: stop.signal,
      onStep: steps.show,
      onNpmLine: verbosity > 0 ? (line) => log.info(line) : undefined,
      offline: flags['offline'] === true,
      ignoreScripts: flags['ignore-scripts'] === true,
    })
    steps.clear()
    if (text !== '') print(text)
    process.exitCode = exitStatus
  } catch (error) {
    reportError(log, error instanceof StopRequest ? interrupted(error) : error, verbosity)
    process.exitCode = EXIT_CODES.failure
  } finally {
    stop.dispose()
  }
}

/** A logger whose messages do not stand behind a step. */
function behind(steps: StepLine, logger: Logger): Logger {
  return loggerTo((level, message, extra) => {
    steps.clear()
    logger[level](message, extra)
  })
}

function interrupted(request: StopRequest): WalrError {
  return new WalrError('WALR_PLUGIN', `${request.message}; what was under way was taken back`, { cause: request })
}
