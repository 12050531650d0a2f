import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../../errors/exit-codes.ts'

/** `walr plugins`. */
export default class Plugins extends Command {
  static override summary = 'List plugins: built in, configured and installed.'

  static override description: string = [
    'Shows what each one offers, where it comes from and which entries of the configuration use it. Runs none of them: "walr',
    'plugins inspect" and "walr config validate" do.',
  ].join(' ')

  static override aliases = ['plugins:list']

  static override strict = false

  static override examples: Command.Example[] = [
    { description: 'List all plugins', command: '<%= config.bin %> plugins' },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: the one in the working directory)',
    }),
    json: Flags.boolean({ summary: 'print the list as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Plugins)
    const { runPluginCommand } = await import('../../app/plugins/run-plugin-command.ts')
    const print = (text: string): void => this.log(text)
    await runPluginCommand(flags, print, async (context) => {
      const { refuseWords } = await import('../../app/plugins/refuse-words.ts')
      refuseWords(argv.map(String), this.config.commandIDs)
      const { listPlugins } = await import('../../app/plugins/list-plugins.ts')
      const { listingText } = await import('../../app/plugins/plugin-texts.ts')
      const result = await listPlugins(context)
      const text = flags.json === true ? JSON.stringify(result, undefined, 2) : listingText(result)
      return { text, exitStatus: EXIT_CODES.success }
    })
  }
}
