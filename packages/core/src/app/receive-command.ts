import { nodeDisk } from '../disk/node-disk.ts'
import { EXIT_CODES } from '../errors/exit-codes.ts'
import { redact } from '../telemetry/redact.ts'
import { createLogger } from './create-logger.ts'
import { runReceive } from './receive-daemon.ts'
import { checkReceiveDirectory } from './receive-options/check-receive-directory.ts'
import type { ReceiveOptions } from './receive-options/receive-options.ts'
import { listenForStopSignals, StopRequest } from './stop-signals.ts'

/**
 * Runs `walr receive` with checked options until it ends or SIGINT or SIGTERM stops it.
 * @param argv the command line as given, for the process title.
 * @returns the exit code.
 */
export async function receive(options: ReceiveOptions, argv: readonly string[]): Promise<number> {
  hidePasswords(options, argv)
  if (options.action === 'receive' && options.directory !== undefined) {
    await checkReceiveDirectory(nodeDisk, options.directory)
  }
  const logger = await createLogger(options)
  const stop = listenForStopSignals()
  try {
    return await runReceive(options, { logger, signal: stop.signal })
  } catch (error) {
    // A wish to stop that came before there was anything to be finished.
    if (!(error instanceof StopRequest)) throw error
    logger.error(error.message)
    return EXIT_CODES.failure
  } finally {
    stop.dispose()
  }
}

/** A password in a connection string would be in every listing of processes (law 9). */
function hidePasswords({ connection }: ReceiveOptions, argv: readonly string[]): void {
  const { connectionString } = connection
  if (connectionString === undefined || redact(connectionString) === connectionString) return
  process.title = ['walr receive', ...argv.map(redact)].join(' ')
}
