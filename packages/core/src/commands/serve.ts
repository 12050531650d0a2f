import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { serveEntry } from '../app/serve/serve-entry.ts'

/** `walr serve`. */
export default class Serve extends Command {
  static override summary = 'Give WAL to recoveries elsewhere, over HTTP.'

  static override description: string = [
    'Serves what is in a receive directory and in the archive of a configuration: finished segments, the open one, and',
    'timeline histories. A recovery elsewhere fetches them with "walr restore-command --serve-addr URL". Token,',
    'certificates and limits are in the section "http" of the configuration, or in WALR_HTTP_* variables.',
    '\n\nA "walr receive" with that section serves the same by itself.',
  ].join(' ')

  static override examples: Command.Example[] = [
    {
      description: 'Serve the directory and the archive of a configuration',
      command: '<%= config.bin %> serve --config /etc/walr/walr.config.yaml',
    },
    {
      description: 'Serve a receive directory to this machine',
      command: '<%= config.bin %> serve -D /var/lib/walr/main --listen 127.0.0.1:7070',
    },
  ]

  static override flags: Interfaces.FlagInput = {
    config: Flags.string({
      helpValue: 'FILE',
      summary: 'configuration file; without it and without --directory, walr.config.* in the working directory',
    }),
    directory: Flags.string({ char: 'D', helpValue: 'DIR', summary: 'the receive directory' }),
    'archive-only': Flags.boolean({ summary: 'serve the archive and not the receive directory of the configuration' }),
    listen: Flags.string({
      helpValue: 'ADDR',
      summary: 'where to listen: HOST:PORT or unix:/PATH (default: http.listen, 127.0.0.1:7070)',
    }),
    'system-identifier': Flags.string({ helpValue: 'NUMBER', summary: 'whose WAL to serve, where several are there' }),
    'log-format': Flags.string({ helpValue: 'FORMAT', options: ['text', 'json'], summary: 'text (default) or json' }),
    verbose: Flags.boolean({ char: 'v', summary: 'log each request' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Serve)
    const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
    process.exitCode = await serveEntry(
      {
        configPath: text(flags['config']),
        directory: text(flags['directory']),
        archiveOnly: flags['archive-only'] === true,
        listen: text(flags['listen']),
        systemIdentifier: text(flags['system-identifier']),
      },
      { verbosity: flags['verbose'] === true ? 1 : 0, logFormat: flags['log-format'] === 'json' ? 'json' : 'text' },
    )
  }
}
