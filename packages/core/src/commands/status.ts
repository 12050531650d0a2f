import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { createLogger } from '../app/create-logger.ts'
import { EXIT_CODES } from '../errors/exit-codes.ts'
import { WalrError } from '../errors/walr-error.ts'
import { reportError } from '../telemetry/report-error.ts'

/** `walr status`. */
export default class Status extends Command {
  static override summary = 'Show what the walr of a receive directory is doing, and how far its archive is.'

  static override description =
    'Exit status is 0 when walr runs, 1 when it does not or nobody can tell, and 3 when WAL is missing.'

  static override examples: Command.Example[] = [
    { description: 'Ask the walr that is configured here', command: '<%= config.bin %> status' },
    {
      description: 'Ask by directory, for a program',
      command: '<%= config.bin %> status -D /var/lib/walr/main --json',
    },
  ]

  static override flags: Interfaces.FlagInput = {
    directory: Flags.string({ char: 'D', helpValue: 'DIR', summary: 'the receive directory' }),
    config: Flags.string({ helpValue: 'FILE', summary: 'configuration file that names it (receive.directory)' }),
    json: Flags.boolean({ summary: 'print the status as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    try {
      const { readStatus, statusTable } = await import('../app/show-status.ts')
      const shown = await readStatus(await directoryOf(flags['directory'], flags['config']), new Date())
      if (flags.json === true) this.log(JSON.stringify({ running: shown.running, ...shown.status }, undefined, 2))
      else this.log(statusTable(shown))
      process.exitCode = shown.exitCode
    } catch (error) {
      const verbosity = flags['verbose'] === true ? 1 : 0
      reportError(await createLogger({ verbosity, logFormat: 'text' }), error, verbosity)
      process.exitCode = EXIT_CODES.failure
    }
  }
}

async function directoryOf(directory: unknown, path: unknown): Promise<string> {
  if (typeof directory === 'string') return directory
  const { loadConfig } = await import('../config/load-config.ts')
  const { config } = await loadConfig({
    ...(typeof path === 'string' && { path }),
    environment: process.env,
    workingDirectory: process.cwd(),
    search: true,
  })
  if (config.receive.directory !== undefined) return config.receive.directory
  throw new WalrError('WALR_USAGE', 'no receive directory specified', {
    hint: 'Give it with --directory, or with receive.directory in the configuration.',
  })
}
