import { resolve } from 'node:path'
import { systemClock } from '../../archive/clock.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { RESTORE_EXIT_CODES } from '../../errors/exit-codes.ts'
import { gapRule } from '../../restore/gap-rule.ts'
import { Patience } from '../../restore/patience.ts'
import { runningPlace } from '../../restore/prefetch/prefetch-place.ts'
import { parseRestoreArguments, type RestoreOptions } from '../../restore/restore-arguments.ts'
import { RESTORE_HELP } from '../../restore/restore-help.ts'
import { parseWantedFile } from '../../restore/wanted-file.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { reportError } from '../../telemetry/report-error.ts'
import { createTextLogger } from '../../telemetry/text-logger.ts'
import type { DirectWay } from './direct-way.ts'
import { PrefetcherClient } from './prefetcher-client.ts'
import { recoverySettings } from './recovery-settings.ts'

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
    const outcome = await restore(argv, options, process, logger)
    return statusOf(outcome === 'delivered' ? 'delivered' : 'certainlyAbsent', process.environment)
  } catch (error) {
    if (!process.signal.aborted) reportError(logger, error, verbosity)
    return RESTORE_EXIT_CODES.anythingElse
  }
}

async function restore(
  argv: readonly string[],
  options: RestoreOptions,
  process: RestoreProcess,
  logger: Logger,
): Promise<'delivered' | 'absent'> {
  const { environment, workingDirectory, signal } = process
  const { partial, timeoutMs, unavailable } = options
  const wanted = parseWantedFile(options.fileName)
  const atGap = options.atGap ?? (await gapRule(nodeDisk, workingDirectory, wanted))
  const request = { wanted, partial, atGap }
  const path = resolve(workingDirectory, options.targetPath)
  const settings = await recoverySettings(options, { disk: nodeDisk, environment, workingDirectory })
  const patience = new Patience({
    ...{ timeoutMs, unavailable, logger, clock: systemClock },
    isWanted: await whilePostgresRuns(workingDirectory),
  })
  const prefetcher = await PrefetcherClient.of({ argv, options, atGap, environment, workingDirectory, logger })
  await using made = new AsyncDisposableStack()
  let direct: DirectWay | undefined
  const outcome = await patience.run(async (attemptSignal, progress) => {
    const answer = await prefetcher?.ask(attemptSignal, progress)
    if (answer !== undefined) return answer
    direct ??= made.use(await directWay(settings, { logger, signal, environment }))
    return direct.restore(request, path, attemptSignal, progress)
  }, signal)
  await prefetcher?.leave(settings, outcome)
  return outcome
}

/** Whoever finds a prefetcher needs none of it. */
async function directWay(...parameters: ConstructorParameters<typeof DirectWay>): Promise<DirectWay> {
  const module = await import('./direct-way.ts')
  return new module.DirectWay(...parameters)
}

/** A server that was killed leaves its command behind; nobody waits for the file then. */
async function whilePostgresRuns(workingDirectory: string): Promise<() => Promise<boolean>> {
  const place = await runningPlace(nodeDisk, workingDirectory)
  if (place === undefined) return () => Promise.resolve(true)
  return async () => (await runningPlace(nodeDisk, workingDirectory))?.generation === place.generation
}

const wantedBy = { delivered: 'WALR_RESTORE_DELIVERED_STATUS', certainlyAbsent: 'WALR_RESTORE_ABSENT_STATUS' } as const

function statusOf(answer: keyof typeof wantedBy, environment: RestoreProcess['environment']): number {
  const wanted = environment[wantedBy[answer]] ?? ''
  return /^[1-9]\d?$/.test(wanted) ? Number(wanted) : RESTORE_EXIT_CODES[answer]
}
