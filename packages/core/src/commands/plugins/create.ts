import { Args, Command, Flags } from '@oclif/core'
import { createLogger } from '../../app/create-logger.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { reportError } from '../../telemetry/report-error.ts'

const kinds = ['storage', 'codec', 'retention'] as const
const licenses = ['apache-2.0', 'mit', 'none'] as const

/** `walr plugins create`. */
export default class PluginsCreate extends Command {
  static override summary = 'Write a package for a plugin of your own.'

  static override description: string = [
    'The package is complete: TypeScript sources of a small plugin that works, tests with all conformance cases of',
    '@walr/plugin-testkit, README, licence and a CI file. Nothing is fetched from the network, and nothing is overwritten.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'A storage', command: '<%= config.bin %> plugins create walr-plugin-example --storage' },
    {
      description: 'A codec with a scope, in a folder of another name',
      command: '<%= config.bin %> plugins create @acme/walr-plugin-brotli --codec --directory codec --license mit',
    },
  ]

  static override args = {
    name: Args.string({
      name: 'NAME',
      required: true,
      description: 'name of the package, such as walr-plugin-example',
    }),
  }

  static override flags = {
    storage: Flags.boolean({ summary: 'where archived WAL and backups are kept' }),
    codec: Flags.boolean({ summary: 'compresses or encrypts what is archived' }),
    retention: Flags.boolean({ summary: 'decides which backups are kept' }),
    directory: Flags.string({
      helpValue: 'DIR',
      summary: 'folder of the package (default: NAME without its scope, in the working directory)',
    }),
    license: Flags.option({
      options: licenses,
      default: 'apache-2.0',
      helpValue: licenses.join('|'),
      summary: 'licence of the package',
    })(),
    json: Flags.boolean({ summary: 'print the result as JSON' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.boolean({ char: 'h', summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PluginsCreate)
    try {
      const [kind, second] = kinds.filter((one) => flags[one])
      if (kind === undefined || second !== undefined) {
        const what =
          kind === undefined ? 'no kind of plugin was given' : `a plugin is made for one kind, and two were given`
        throw new WalrError('WALR_USAGE', what, { hint: 'Give one of --storage, --codec and --retention.' })
      }
      const { createPlugin } = await import('../../app/plugins/create-plugin.ts')
      const { name, directory, files, nextSteps } = await createPlugin({
        name: args.name,
        kind,
        license: flags.license,
        directory: flags.directory,
        workingDirectory: process.cwd(),
        version: this.config.version,
        now: () => new Date(),
      })
      if (flags.json) {
        this.log(JSON.stringify({ name, kind, directory, files, nextSteps }, undefined, 2))
        return
      }
      this.log(`wrote the ${kind} plugin "${name}" into "${directory}"; its README says where to go on. Next:`)
      for (const step of nextSteps) this.log(`  ${step}`)
    } catch (error) {
      const verbosity = flags.verbose ? 1 : 0
      reportError(await createLogger({ verbosity, logFormat: 'text' }), error, verbosity)
      process.exitCode = EXIT_CODES.failure
    }
  }
}
