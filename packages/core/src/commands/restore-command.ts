import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { RESTORE_EXIT_CODES } from '../errors/exit-codes.ts'

/**
 * `walr restore-command` in the list of commands, the help and the shell's completion. When PostgreSQL calls it, `bin/`
 * branches off before oclif is loaded, and this class is not used.
 */
export default class RestoreCommand extends Command {
  static override summary = 'Give PostgreSQL a WAL file out of a receive directory, as its restore_command.'

  static override description: string = [
    'In postgresql.conf: restore_command = \'walr restore-command -D DIRECTORY %f "%p"\'.',
    '\n\nExit status is 0 when the file was delivered, 1 when the directory certainly does not have it, which PostgreSQL',
    'takes for the end of the WAL, and 255 for anything else, which stops PostgreSQL.',
  ].join(' ')

  static override examples: Command.Example[] = [
    {
      description: 'Fetch a segment by hand',
      command: '<%= config.bin %> restore-command -D /var/lib/walr/main 000000010000000000000042 ./segment',
    },
  ]

  static override usage = 'restore-command [OPTION]... %f %p'

  static override args: Interfaces.ArgInput = {
    file: Args.string({ description: '%f: name of the segment or timeline history file', required: true }),
    target: Args.string({ description: '%p: where to put it', required: true }),
  }

  static override flags: Interfaces.FlagInput = {
    directory: Flags.string({ char: 'D', helpValue: 'DIRECTORY', summary: 'the receive directory' }),
    config: Flags.string({ helpValue: 'FILE', summary: 'configuration file that names it (receive.directory)' }),
    partial: Flags.string({
      helpValue: 'auto|never',
      summary: 'whether the unfinished newest segment is given, too (default: auto)',
    }),
    'no-partial': Flags.boolean({ summary: 'same as --partial=never' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more on standard error' }),
    help: Flags.boolean({ char: 'h', summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    // restore-command reads its options by itself; a failure to load it must not look like "no such file" either.
    this.parsed = true
    process.exitCode = RESTORE_EXIT_CODES.anythingElse
    const { restoreApp } = await import('../app/restore-app.ts')
    process.exitCode = await restoreApp(this.argv)
  }
}
