import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'

/** `walr wal verify`. */
export default class WalVerify extends Command {
  static override summary = 'Prove that the WAL of the archive, or of a receive directory, is complete and good.'

  static override description: string = [
    'Looks for WAL that is missing along each timeline and between timelines, fetches and decodes every segment, and checks its',
    'pages, its owner and its size. Exit status: 0 all good, 1 not all could be checked, 2 something deserves a look, such as a',
    'recorded gap, 3 WAL is missing, 4 WAL is damaged; the worst of them, where 1 goes before 2.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'Verify the archive that is configured here', command: '<%= config.bin %> wal verify' },
    { description: 'Only look for holes, quickly', command: '<%= config.bin %> wal verify --names' },
    {
      description: 'Check every record, each night only what is new',
      command: '<%= config.bin %> wal verify --deep --resume /var/lib/walr/verified.json --json',
    },
    {
      description: 'Is all there for a recovery along timeline 3 from this position on?',
      command: '<%= config.bin %> wal verify --from 2A/B8000028 --timeline 3',
    },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file (default: WALR_CONFIG, or the one in the working directory)',
    }),
    directory: Flags.string({
      char: 'D',
      helpValue: 'DIR',
      summary: 'a receive directory; together with --config, both are verified',
    }),
    names: Flags.boolean({ summary: 'names and histories only: nothing is fetched' }),
    deep: Flags.boolean({ summary: 'also the checksum of every record, and that each follows the one before it' }),
    from: Flags.string({ helpValue: 'LSN|NAME', summary: 'from this position or segment on; it has to be there' }),
    to: Flags.string({ helpValue: 'LSN|NAME', summary: 'up to this position or segment; it has to be there' }),
    timeline: Flags.string({ helpValue: 'N', summary: 'only what a recovery along this timeline reads (decimal)' }),
    'system-identifier': Flags.string({ helpValue: 'N', summary: 'WAL of this system only' }),
    jobs: Flags.string({ helpValue: 'N', summary: 'how many threads (default: one for each CPU, at most 8)' }),
    resume: Flags.string({
      helpValue: 'FILE',
      summary: [
        'keep in this file what was found good, and leave it out the next time, unless it is replaced:',
        'it never finds what is altered in place later',
      ].join(' '),
    }),
    json: Flags.boolean({ summary: 'print the result as JSON, and no progress' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(WalVerify)
    const { runWalCommand } = await import('../../app/wal/run-wal-command.ts')
    const print = (text: string): void => this.log(text)
    await runWalCommand(flags, print, async (context) => {
      const { verifyWal } = await import('../../app/wal/verify-wal.ts')
      return verifyWal(flags, context)
    })
  }
}
