import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'

/** `walr wal list`. */
export default class WalList extends Command {
  static override summary = 'List the WAL of the archive, or of a receive directory: timelines, ranges, gaps, sizes.'

  static override description: string = [
    'Lists the archive of the configuration. With --directory it lists that receive directory; together with --config, both.',
    'Exit status is 0, or 1 when anything of it could not be listed: a list is never shortened.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'List the archive that is configured here', command: '<%= config.bin %> wal list' },
    {
      description: 'List a receive directory, for a program',
      command: '<%= config.bin %> wal list -D /var/lib/walr/main --json',
    },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: WALR_CONFIG, or the one in the working directory)',
    }),
    directory: Flags.string({ char: 'D', helpValue: 'DIR', summary: 'a receive directory' }),
    timeline: Flags.string({ helpValue: 'N', summary: 'this timeline only (decimal)' }),
    'system-identifier': Flags.string({ helpValue: 'N', summary: 'WAL of this system only' }),
    json: Flags.boolean({ summary: 'print the list as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(WalList)
    const { runWalCommand } = await import('../../app/wal/run-wal-command.ts')
    const print = (text: string): void => this.log(text)
    await runWalCommand(flags, print, async (context) => {
      const { listWal } = await import('../../app/wal/list-wal.ts')
      return listWal(flags, context)
    })
  }
}
