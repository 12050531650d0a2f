import { Acknowledgements } from '../../archive/acknowledgements.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import { reportError } from '../../telemetry/report-error.ts'
import { createTextLogger } from '../../telemetry/text-logger.ts'
import { parseArchiveArguments } from './archive-arguments.ts'
import { archiveTarget } from './archive-target.ts'
import { readCircumstances } from './circumstances.ts'

/** What a process has that a command needs. */
export interface ArchiveProcess {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  readonly writeOutput: (text: string) => void
  /** Aborts when the process is asked to end; then nothing is said, unless the file is archived already. */
  readonly signal: AbortSignal
}

/**
 * `walr archive-command`, with `argv` what follows that word. Errors go to the log on standard error. Most calls find that an
 * earlier one has archived their file ahead; so nothing is loaded here that these do not need.
 * @returns the status to exit with: for "archived" the number that the wrapper in `bin/` asks for, so that it can tell this
 * answer from an early end of Node.
 */
export async function archiveCommandEntry(argv: readonly string[], process: ArchiveProcess): Promise<number> {
  const verbosity = argv.some((word) => word === '-v' || word === '--verbose') ? 1 : 0
  let logger = createTextLogger({ verbosity })
  try {
    const call = parseArchiveArguments(argv)
    if (call.help) {
      const { ARCHIVE_COMMAND_HELP } = await import('./archive-command-help.ts')
      process.writeOutput(ARCHIVE_COMMAND_HELP)
      return archivedStatus(process)
    }
    logger = createTextLogger({ verbosity: call.verbosity })
    const target = archiveTarget(call.path, process.workingDirectory)
    const settings = { ...call, ...process, ...target }
    const circumstances = await readCircumstances(nodeDisk, settings)
    const { walDirectory, file } = target
    const acknowledgements =
      circumstances === undefined ? undefined : new Acknowledgements({ disk: nodeDisk, walDirectory, circumstances })
    const isArchived = await acknowledgements?.take(file.name).catch((error: unknown) => {
      logger.info(`could not use what an earlier call left for "${file.name}": ${systemErrorText(error)}`)
      return false
    })
    if (isArchived === true) {
      logger.info(`"${file.name}" was archived ahead`)
      return archivedStatus(process)
    }
    try {
      const { archiveFile } = await import('./archive-file.ts')
      await archiveFile({ ...settings, circumstances, logger })
    } catch (error) {
      // Until this file is archived nobody asks for the others; by then the archive may be another one.
      await acknowledgements?.withdraw().catch((cause: unknown) => {
        logger.info(`could not remove what was left for later calls: ${systemErrorText(cause)}`)
      })
      throw error
    }
    return archivedStatus(process)
  } catch (error) {
    if (!process.signal.aborted) reportError(logger, error, verbosity)
    return EXIT_CODES.failure
  }
}

function archivedStatus({ environment }: ArchiveProcess): number {
  const wanted = environment['WALR_ARCHIVED_STATUS'] ?? ''
  return /^[1-9]\d?$/.test(wanted) ? Number(wanted) : EXIT_CODES.success
}
