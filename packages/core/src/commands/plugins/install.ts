import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../../errors/exit-codes.ts'

/** `walr plugins install`. */
export default class PluginsInstall extends Command {
  static override summary = 'Install plugins, and add them to the configuration file.'

  static override description: string = [
    'A plugin is a package of the npm registry, a packed file, a folder or a git repository. It is fetched with all that it',
    'needs, checked, and only then put into place; when anything fails, nothing has changed. Root installs for all users.',
    '\n\nExit status is 0 when all plugins are installed, else 1.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'From the registry', command: '<%= config.bin %> plugins install @walr/plugin-gcs' },
    {
      description: 'A range of versions, for another configuration file',
      command: '<%= config.bin %> plugins install "@walr/plugin-gcs@^0.1" --config /etc/walr.yaml',
    },
    {
      description: 'Without a network, from a packed file that bundles what it needs',
      command: '<%= config.bin %> plugins install ./walr-plugin-1.0.0.tgz --offline',
    },
  ]

  static override strict = false

  static override args: Interfaces.ArgInput = {
    plugin: Args.string({ required: true, description: 'NAME, NAME@RANGE, a .tgz file, ./FOLDER or a git URL' }),
  }

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file to add them to (default: the one in the working directory)',
    }),
    'no-config': Flags.boolean({ exclusive: ['config'], summary: 'leave the configuration file alone' }),
    offline: Flags.boolean({ summary: "ask no server; all has to be in the files, or in npm's cache" }),
    'ignore-scripts': Flags.boolean({ summary: 'run no install scripts of packages' }),
    json: Flags.boolean({ summary: 'print the result as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'show what npm writes, and say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(PluginsInstall)
    const { runPluginCommand } = await import('../../app/plugins/run-plugin-command.ts')
    const print = (text: string): void => this.log(text)
    await runPluginCommand(flags, print, async (context) => {
      const { installPlugins } = await import('../../app/plugins/install-plugins.ts')
      const { installationText } = await import('../../app/plugins/plugin-texts.ts')
      const result = await installPlugins(argv.map(String), flags['no-config'] !== true, context)
      const text = flags.json === true ? JSON.stringify(result, undefined, 2) : installationText(result)
      return { text, exitStatus: EXIT_CODES.success }
    })
  }
}
