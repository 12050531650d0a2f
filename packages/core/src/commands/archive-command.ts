import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { EXIT_CODES } from '../errors/exit-codes.ts'

/**
 * `walr archive-command` in the list of commands, the help and the shell's completion. When PostgreSQL calls it, `bin/`
 * branches off before oclif is loaded, and this class is not used.
 */
export default class ArchiveCommand extends Command {
  static override summary = "Store a file of PostgreSQL's pg_wal in the archive, as its archive_command."

  static override description: string = [
    'In postgresql.conf: archive_command = \'walr archive-command --config FILE "%p"\'.',
    '\n\nExit status is 0 only when the storage has confirmed the file. For anything else it is 1, and PostgreSQL keeps the',
    'file and tries again. Nothing in pg_wal is removed or changed.',
  ].join(' ')

  static override examples: Command.Example[] = [
    {
      description: 'Store a segment by hand, in the data directory',
      command: '<%= config.bin %> archive-command --config /etc/walr/walr.config.yaml pg_wal/000000010000000000000042',
    },
  ]

  static override usage = 'archive-command [OPTION]... %p'

  static override args: Interfaces.ArgInput = {
    path: Args.string({ description: '%p: path of the file, in pg_wal of the data directory', required: true }),
  }

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({ helpValue: 'FILE', summary: 'configuration file with the archive' }),
    timeout: Flags.string({
      helpValue: 'DURATION',
      summary: 'how long an outage of the storage is waited for (default: 60s)',
    }),
    jobs: Flags.string({
      char: 'j',
      helpValue: 'NUMBER',
      summary: 'files archived at the same time, those that PostgreSQL will ask for next included (default: 4)',
    }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more on standard error' }),
    help: Flags.boolean({ char: 'h', summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    // archive-command reads its options by itself; a failure to load it must not look like "archived" either.
    this.parsed = true
    process.exitCode = EXIT_CODES.failure
    const { archiveCommandEntry } = await import('../app/archive-command/archive-command-entry.ts')
    process.exitCode = await archiveCommandEntry(this.argv, {
      environment: process.env,
      workingDirectory: process.cwd(),
      writeOutput: (text) => void process.stdout.write(text),
      // Reached by way of oclif only for the help; `bin/walr.js` listens for signals on the real way.
      signal: new AbortController().signal,
    })
  }
}
