import { EXIT_CODES } from '../errors/exit-codes.ts'
import { reportError } from '../telemetry/report-error.ts'
import type { ConfiguredSettings } from './config-thread/load-config-aside.ts'
import { createLogger } from './create-logger.ts'
import { parseReceiveOptions, readConfigRequest, readLogSettings } from './receive-options/receive-options.ts'

/**
 * Runs `walr receive` from its command line on, and sets the process's exit code. `bin/walr.js` calls it before oclif is
 * loaded, which a daemon would carry in its memory for ever.
 * @returns `help` or `version` when that is asked for: then nothing was done.
 */
export async function receiveEntry(argv: readonly string[]): Promise<'done' | 'help' | 'version'> {
  const settings = readLogSettings(argv)
  try {
    const options = parseReceiveOptions(argv, await configOf(argv))
    if (options === 'help' || options === 'version') return options
    const { receive } = await import('./receive-command.ts')
    process.exitCode = await receive(options, argv)
  } catch (error) {
    reportError(await createLogger(settings), error, settings.verbosity)
    process.exitCode = EXIT_CODES.failure
  }
  return 'done'
}

async function configOf(argv: readonly string[]): Promise<ConfiguredSettings | undefined> {
  const request = readConfigRequest(argv)
  if (!request) return undefined
  const environment = process.env
  // A command line of pg_receivewal's costs no more memory than it has to.
  const isConfigured = request.path !== undefined || request.search
  if (!isConfigured && !Object.keys(environment).some((name) => name.startsWith('WALR_'))) return undefined
  const { loadConfigAside } = await import('./config-thread/load-config-aside.ts')
  return loadConfigAside({ ...request, environment, workingDirectory: process.cwd() })
}
