import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { createLogger } from '../../app/create-logger.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { reportError } from '../../telemetry/report-error.ts'

/** `walr config show`. */
export default class ConfigShow extends Command {
  static override summary = 'Show every setting with its value and where it came from.'

  static override description =
    'Values of the environment go before those of the file, and what nobody set has its default. Secrets are masked.'

  static override examples: Command.Example[] = [
    { description: 'Show what is in force here', command: '<%= config.bin %> config show' },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: the one in the working directory)',
    }),
    json: Flags.boolean({ summary: 'print the settings as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ConfigShow)
    try {
      const { settingsTable, shownSettings } = await import('../../app/config-show.ts')
      const { configuredSecretOptions } = await import('../../app/config-plugins.ts')
      const { loadConfig } = await import('../../config/load-config.ts')
      const path: unknown = flags['config']
      const loaded = await loadConfig({
        ...(typeof path === 'string' && { path }),
        environment: process.env,
        workingDirectory: process.cwd(),
        search: true,
      })
      const settings = await shownSettings(loaded, configuredSecretOptions)
      const { file, baseDirectory } = loaded
      if (flags.json === true) {
        this.log(JSON.stringify({ file: file ?? null, baseDirectory, settings }, undefined, 2))
      } else {
        this.log(file === undefined ? 'no configuration file' : `configuration file: ${file}`)
        this.log(`\n${settingsTable(settings)}`)
      }
    } catch (error) {
      const verbosity = flags['verbose'] === true ? 1 : 0
      reportError(await createLogger({ verbosity, logFormat: 'text' }), error, verbosity)
      process.exitCode = EXIT_CODES.failure
    }
  }
}
