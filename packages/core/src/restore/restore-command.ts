import { resolve } from 'node:path'
import { nodeDisk } from '../disk/node-disk.ts'
import { RESTORE_EXIT_CODES } from '../errors/exit-codes.ts'
import { reportError } from '../telemetry/report-error.ts'
import { createTextLogger } from '../telemetry/text-logger.ts'
import { restoreFromDirectory } from './directory-restorer.ts'
import { receiveDirectory } from './receive-directory-setting.ts'
import { parseRestoreArguments } from './restore-arguments.ts'
import { RESTORE_HELP } from './restore-help.ts'
import { parseWantedFile } from './wanted-file.ts'

/** What a process has that a command needs. */
export interface RestoreProcess {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  readonly writeOutput: (text: string) => void
  /** Aborts when the process is asked to end; then nothing is delivered and nothing is said. */
  readonly signal: AbortSignal
}

/**
 * `walr restore-command`, with `argv` what follows that word. Errors go to the log on standard error.
 * @returns the status to exit with (law 2): {@link RESTORE_EXIT_CODES}, or for "delivered" and "certainly absent" the
 * numbers that the wrapper in `bin/` asks for, so that it can tell these answers from an end of Node that is none.
 */
export async function restoreCommand(argv: readonly string[], process: RestoreProcess): Promise<number> {
  const verbosity = argv.some((word) => word === '-v' || word === '--verbose') ? 1 : 0
  const logger = createTextLogger({ verbosity })
  try {
    const options = parseRestoreArguments(argv)
    if (options.help) {
      process.writeOutput(RESTORE_HELP)
      return statusOf('delivered', process.environment)
    }
    const outcome = await restoreFromDirectory({
      disk: nodeDisk,
      logger,
      directory: await receiveDirectory({ ...options, ...process }),
      workingDirectory: process.workingDirectory,
      wanted: parseWantedFile(options.fileName),
      targetPath: resolve(process.workingDirectory, options.targetPath),
      partial: options.partial,
      signal: process.signal,
    })
    return statusOf(outcome === 'delivered' ? 'delivered' : 'certainlyAbsent', process.environment)
  } catch (error) {
    if (!process.signal.aborted) reportError(logger, error, verbosity)
    return RESTORE_EXIT_CODES.anythingElse
  }
}

const wantedBy = { delivered: 'WALR_RESTORE_DELIVERED_STATUS', certainlyAbsent: 'WALR_RESTORE_ABSENT_STATUS' } as const

function statusOf(answer: keyof typeof wantedBy, environment: RestoreProcess['environment']): number {
  const wanted = environment[wantedBy[answer]] ?? ''
  return /^[1-9]\d?$/.test(wanted) ? Number(wanted) : RESTORE_EXIT_CODES[answer]
}
