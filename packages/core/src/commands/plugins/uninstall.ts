import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../../errors/exit-codes.ts'

/** `walr plugins uninstall`. */
export default class PluginsUninstall extends Command {
  static override summary = 'Remove an installed plugin, and its entry in the configuration file.'

  static override description = 'Refuses while the configuration uses the plugin. What it has archived is left alone.'

  static override examples: Command.Example[] = [
    { description: 'Remove a plugin', command: '<%= config.bin %> plugins uninstall @walr/plugin-gcs' },
  ]

  static override args: Interfaces.ArgInput = {
    plugin: Args.string({ required: true, description: 'name of the plugin' }),
  }

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file to remove it from (default: the one in the working directory)',
    }),
    'no-config': Flags.boolean({ summary: 'leave the configuration file alone' }),
    json: Flags.boolean({ summary: 'print the result as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PluginsUninstall)
    const { runPluginCommand } = await import('../../app/plugins/run-plugin-command.ts')
    const print = (text: string): void => this.log(text)
    await runPluginCommand(flags, print, async (context) => {
      const { uninstallPlugin } = await import('../../app/plugins/uninstall-plugin.ts')
      const { uninstallationText } = await import('../../app/plugins/plugin-texts.ts')
      const result = await uninstallPlugin(String(args['plugin']), flags['no-config'] !== true, context)
      const text = flags.json === true ? JSON.stringify(result, undefined, 2) : uninstallationText(result)
      return { text, exitStatus: EXIT_CODES.success }
    })
  }
}
