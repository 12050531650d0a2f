import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { createLogger } from '../../app/create-logger.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { reportError } from '../../telemetry/report-error.ts'

/** `walr config validate`. */
export default class ConfigValidate extends Command {
  static override summary = 'Check the configuration, with its plugins and their options.'

  static override description: string = [
    'Checks everything that can be checked without a server or a storage, and lists all faults at once.',
    '\n\nExit status is 0 when the configuration is right, else 1.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'Check the file in the working directory', command: '<%= config.bin %> config validate' },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: the one in the working directory)',
    }),
    json: Flags.boolean({ summary: 'print the result as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ConfigValidate)
    try {
      const { validateConfig } = await import('../../app/config-validate.ts')
      const { checkConfiguredPlugins } = await import('../../app/config-plugins.ts')
      const { configError } = await import('../../config/config-fault.ts')
      const path: unknown = flags['config']
      const { file, faults } = await validateConfig(
        {
          ...(typeof path === 'string' && { path }),
          environment: process.env,
          workingDirectory: process.cwd(),
          search: true,
        },
        checkConfiguredPlugins,
      )
      const valid = faults.length === 0
      if (flags.json === true) this.log(JSON.stringify({ valid, file: file ?? null, faults }, undefined, 2))
      else if (!valid) throw configError(faults, file)
      else this.log(file === undefined ? 'the configuration is valid' : `configuration file "${file}" is valid`)
      if (!valid) process.exitCode = EXIT_CODES.failure
    } catch (error) {
      const verbosity = flags['verbose'] === true ? 1 : 0
      reportError(await createLogger({ verbosity, logFormat: 'text' }), error, verbosity)
      process.exitCode = EXIT_CODES.failure
    }
  }
}
