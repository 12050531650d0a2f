import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../../errors/exit-codes.ts'

/** `walr plugins update`. */
export default class PluginsUpdate extends Command {
  static override summary = 'Update installed plugins to the newest version that goes with this walr.'

  static override description: string = [
    'Stays in the range that a plugin was installed with. Folders and git repositories are taken as they are now. A plugin',
    'that cannot be updated stays as it is, and the others are updated all the same.',
    '\n\nExit status is 0 when none has failed, else 1.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'Update all', command: '<%= config.bin %> plugins update' },
    { description: 'Update one', command: '<%= config.bin %> plugins update @walr/plugin-gcs' },
  ]

  static override strict = false

  static override args: Interfaces.ArgInput = {
    plugin: Args.string({ description: 'names of plugins (default: all that are installed)' }),
  }

  static override flags: Interfaces.FlagInput = {
    'ignore-scripts': Flags.boolean({ summary: 'run no install scripts of packages' }),
    json: Flags.boolean({ summary: 'print the result as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'show what npm writes, and say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(PluginsUpdate)
    const { runPluginCommand } = await import('../../app/plugins/run-plugin-command.ts')
    const print = (text: string): void => this.log(text)
    await runPluginCommand(flags, print, async (context) => {
      const { updatePlugins } = await import('../../app/plugins/update-plugins.ts')
      const { shownUpdates, updateText } = await import('../../app/plugins/plugin-texts.ts')
      const { reportFailures } = await import('../../app/plugins/report-failures.ts')
      const result = await updatePlugins(argv.map(String), context)
      const failures = reportFailures(result, context.logger, flags['verbose'] === true)
      const text = flags.json === true ? JSON.stringify(shownUpdates(result), undefined, 2) : updateText(result)
      return { text, exitStatus: failures === 0 ? EXIT_CODES.success : EXIT_CODES.failure }
    })
  }
}
