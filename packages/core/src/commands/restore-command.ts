import type { Interfaces } from '@oclif/core'
import { Args, Command, Flags } from '@oclif/core'
import { RESTORE_EXIT_CODES } from '../errors/exit-codes.ts'

/**
 * `walr restore-command` in the list of commands, the help and the shell's completion. When PostgreSQL calls it, `bin/`
 * branches off before oclif is loaded, and this class is not used.
 */
export default class RestoreCommand extends Command {
  static override summary = 'Give PostgreSQL a WAL file, as its restore_command.'

  static override description: string = [
    'In postgresql.conf: restore_command = \'walr restore-command --config FILE %f "%p"\'.',
    'The file comes from the receive directory, from the archive, or from another walr.',
    '\n\nExit status is 0 when the file was delivered, 1 when certainly no source has it, which PostgreSQL',
    'takes for the end of the WAL, and 255 for anything else, which stops PostgreSQL.',
  ].join(' ')

  static override examples: Command.Example[] = [
    {
      description: 'Fetch a segment by hand',
      command: '<%= config.bin %> restore-command --config walr.yaml 000000010000000000000042 ./segment',
    },
    {
      description: 'Fetch it from the machine that receives',
      command:
        '<%= config.bin %> restore-command --serve-addr http://wal.example.com:7070 000000010000000000000042 ./segment',
    },
  ]

  static override usage = 'restore-command [OPTION]... %f %p'

  static override args: Interfaces.ArgInput = {
    file: Args.string({ description: '%f: name of the segment or timeline history file', required: true }),
    target: Args.string({ description: '%p: where to put it', required: true }),
  }

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({ helpValue: 'FILE', summary: 'configuration file: its receive directory, then its archive' }),
    directory: Flags.string({
      char: 'D',
      helpValue: 'DIRECTORY',
      summary: 'the receive directory, instead of that of the configuration',
    }),
    'archive-only': Flags.boolean({ summary: 'do not look at the receive directory: it is on another machine' }),
    'serve-addr': Flags.string({ helpValue: 'URL', summary: 'another walr, and nothing else' }),
    'serve-token-file': Flags.string({ helpValue: 'FILE', summary: 'the token for it' }),
    'serve-ca': Flags.string({ helpValue: 'FILE', summary: 'the authorities that its certificate is checked with' }),
    'serve-cert': Flags.string({ helpValue: 'FILE', summary: 'a certificate to show to it' }),
    'serve-key': Flags.string({ helpValue: 'FILE', summary: 'the key of that certificate' }),
    partial: Flags.string({
      helpValue: 'auto|never',
      summary: 'whether the unfinished newest segment is given, too (default: auto)',
    }),
    'no-partial': Flags.boolean({ summary: 'same as --partial=never' }),
    timeout: Flags.string({
      helpValue: 'DURATION',
      summary: 'how long an outage is waited for before PostgreSQL is stopped (default: 60s)',
    }),
    unavailable: Flags.string({
      helpValue: 'fail|retry',
      summary: 'with "retry" an outage or a refusal is waited for without an end, for standbys (default: fail)',
    }),
    prefetch: Flags.string({
      helpValue: 'SIZE',
      summary: 'how much is fetched ahead for PostgreSQL; 0 for nothing (default: 256MB)',
    }),
    'system-identifier': Flags.string({
      helpValue: 'N',
      summary: 'whose WAL is wanted, where no data directory says it',
    }),
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
