import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../../errors/exit-codes.ts'

/** `walr plugins inspect`. */
export default class PluginsInspect extends Command {
  static override summary = 'Show what a plugin is, with its options.'

  static override description = 'Loads the plugin, but opens nothing with it. It need not be in the configuration.'

  static override examples: Command.Example[] = [
    { description: 'A plugin that is installed', command: '<%= config.bin %> plugins inspect @walr/plugin-gcs' },
    { description: 'One that is being written', command: '<%= config.bin %> plugins inspect ./my-plugin' },
  ]

  static override args: Interfaces.ArgInput = {
    plugin: Args.string({ required: true, description: 'name of a plugin, or a path that begins with "./" or "/"' }),
  }

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: the one in the working directory)',
    }),
    json: Flags.boolean({ summary: 'print all of it as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PluginsInspect)
    const { runPluginCommand } = await import('../../app/plugins/run-plugin-command.ts')
    const print = (text: string): void => this.log(text)
    await runPluginCommand(flags, print, async (context) => {
      const { inspectPlugin } = await import('../../app/plugins/inspect-plugin.ts')
      const { inspectionText } = await import('../../app/plugins/plugin-texts.ts')
      const result = await inspectPlugin(String(args['plugin']), context)
      const text = flags.json === true ? JSON.stringify(result, undefined, 2) : inspectionText(result)
      return { text, exitStatus: EXIT_CODES.success }
    })
  }
}
