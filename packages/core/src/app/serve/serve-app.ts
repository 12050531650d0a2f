import { resolve } from 'node:path'
import type { HttpConfig } from '../../config/walr-config.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import { startWalServer } from '../../http/wal-server.ts'
import { parseWantedFile } from '../../restore/wanted-file.ts'
import type { LogExtra, Logger } from '../../telemetry/logger.ts'
import { loadConfigAside, type ConfiguredSettings } from '../config-thread/load-config-aside.ts'
import type { RecoverySettings } from '../recovery/recovery-settings.ts'
import { httpSettingsOf } from './http-settings-of.ts'
import { warnOfArchivedDirectory, warnOfUnservedArchive } from './unserved-archive.ts'
import { RecoverySupply } from './recovery-supply.ts'

/** The command line of `walr serve`. */
export interface ServeOptions {
  readonly configPath: string | undefined
  readonly directory: string | undefined
  readonly archiveOnly: boolean
  readonly listen: string | undefined
  readonly systemIdentifier: string | undefined
}

export interface ServeContext {
  readonly logger: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /** Aborted to stop in good order. */
  readonly signal: AbortSignal
}

/** Running downloads may go on for so long after walr was asked to stop. */
const GRACE_MS = 10_000
/** How long the storage may be silent. */
const TIMEOUT_MS = 20_000

const PROOF_MS = 10_000

const defaults: HttpConfig = { listen: '127.0.0.1:7070', maxDownloads: 64 }

/**
 * Runs `walr serve` until `signal`.
 * @throws WalrError WALR_USAGE, WALR_CONFIG, WALR_HTTP_LISTEN, and for what WAL comes from: a fault of the set-up ends it here,
 * an outage does not
 */
export async function runServe(options: ServeOptions, context: ServeContext): Promise<void> {
  const { logger, environment, signal } = context
  const loaded = await load(options, context)
  const settings = recoverySettingsOf(options, loaded, context)
  if (loaded.config.archive === undefined && settings.directory !== undefined) {
    await warnOfArchivedDirectory(settings.directory, logger)
  }
  await using supply = new RecoverySupply({ logger, environment })
  supply.begin(settings)
  await prove(supply, context)
  const http = httpSettingsOf(loaded.config.http ?? defaults, loaded.baseDirectory)
  const server = await startWalServer({ settings: http, supply, disk: nodeDisk, logger })
  logger.notice(`serving WAL on ${server.address}`)
  await aborted(signal)
  logger.notice('stopping')
  await server.stop(GRACE_MS)
}

/**
 * Asks for a file that nobody has: plugins are loaded and keys are read before a recovery needs them. An outage is none of
 * the set-up's faults.
 */
async function prove(supply: RecoverySupply, { logger, signal }: ServeContext): Promise<void> {
  const served = await supply.open()
  const asking = AbortSignal.any([signal, AbortSignal.timeout(PROOF_MS)])
  try {
    await served.fetcher.fetch({ wanted: parseWantedFile('00000001.history'), partial: 'never' }, ignore, asking)
  } catch (error) {
    signal.throwIfAborted()
    const isFaultOfSetUp = isWalrError(
      error,
      'WALR_CONFIG',
      'WALR_PLUGIN',
      'WALR_KEY',
      'WALR_USAGE',
      'WALR_WRONG_CLUSTER',
    )
    if (isFaultOfSetUp || (!isWalrError(error) && !asking.aborted)) throw error
    const why = isWalrError(error) ? error.message : `no answer within ${PROOF_MS / 1000} s`
    logger.warning(`WAL cannot be looked for at the moment: ${why}`, isWalrError(error) ? pick(error) : {})
  }
}

function pick({ code, detail, hint }: WalrError): LogExtra {
  return { code, detail, hint }
}

function ignore(): Promise<void> {
  return Promise.resolve()
}

/** The options of the command line are checked together with everything else. */
async function load(
  options: ServeOptions,
  { environment, workingDirectory }: ServeContext,
): Promise<ConfiguredSettings> {
  const { configPath, directory, listen } = options
  return loadConfigAside({
    ...(configPath !== undefined && { path: configPath }),
    environment,
    workingDirectory,
    // With a directory the command line is complete.
    search: directory === undefined,
    flags: { 'http.listen': listen, 'receive.directory': directory },
  })
}

function recoverySettingsOf(
  { archiveOnly, directory: named, systemIdentifier }: ServeOptions,
  { config, file }: ConfiguredSettings,
  { logger, workingDirectory }: ServeContext,
): RecoverySettings {
  const configured = config.receive.directory
  const directory = archiveOnly || configured === undefined ? undefined : resolve(workingDirectory, configured)
  if (archiveOnly && named !== undefined) {
    throw new WalrError('WALR_USAGE', 'cannot use --archive-only together with --directory')
  }
  const hasArchive = config.archive !== undefined
  if (directory === undefined && (!hasArchive || file === undefined)) {
    throw new WalrError(
      'WALR_USAGE',
      'there is nothing to serve: no receive directory and no configuration with an archive',
      {
        hint: 'Give --directory, or --config FILE.',
      },
    )
  }
  if (hasArchive && file === undefined) warnOfUnservedArchive(logger)
  return {
    ...(hasArchive && file !== undefined && { configPath: file }),
    ...(directory !== undefined && { directory }),
    archiveOnly,
    ...(systemIdentifier !== undefined && { systemIdentifier }),
    timeoutMs: TIMEOUT_MS,
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }))
}
