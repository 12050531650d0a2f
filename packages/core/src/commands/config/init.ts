import type { Interfaces } from '@oclif/core'
import { Command, Flags } from '@oclif/core'
import { createLogger } from '../../app/create-logger.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { reportError } from '../../telemetry/report-error.ts'

const textFlags = [
  'cluster',
  'connection',
  'directory',
  'slot',
  'storage',
  'path',
  'bucket',
  'region',
  'endpoint',
] as const

/** `walr config init`. */
export default class ConfigInit extends Command {
  static override summary = 'Write a configuration file, with comments on what else can be set.'

  static override description = 'On a terminal, asks for what the options do not say. Never overwrites a file.'

  static override examples: Command.Example[] = [
    { description: 'Answer questions', command: '<%= config.bin %> config init' },
    {
      description: 'Archive to a bucket, encrypted, without questions',
      command: '<%= config.bin %> config init --yes --storage s3 --bucket backups --encrypt',
    },
  ]

  static override flags: Interfaces.FlagInput = {
    cluster: Flags.string({ helpValue: 'NAME', summary: 'name of the cluster in the archive (default: main)' }),
    connection: Flags.string({ helpValue: 'CONNSTR', summary: 'connection string or URI of the server' }),
    directory: Flags.string({
      char: 'D',
      helpValue: 'DIR',
      summary: 'directory to receive WAL into (default: /var/lib/walr/CLUSTER)',
    }),
    slot: Flags.string({ char: 'S', helpValue: 'SLOTNAME', summary: 'replication slot (default: walr)' }),
    storage: Flags.string({ helpValue: 'local|s3', summary: 'kind of storage for the archive' }),
    path: Flags.string({ helpValue: 'DIR', summary: 'directory of the archive, with --storage local' }),
    bucket: Flags.string({ helpValue: 'NAME', summary: 'bucket of the archive, with --storage s3' }),
    region: Flags.string({ helpValue: 'NAME', summary: 'region of the bucket (default: us-east-1)' }),
    endpoint: Flags.string({ helpValue: 'URL', summary: "endpoint of the service (default: Amazon's)" }),
    encrypt: Flags.boolean({ allowNo: true, summary: 'encrypt the archive (default: no)' }),
    output: Flags.string({ helpValue: 'FILE', summary: 'file to write (default: walr.config.yaml)' }),
    yes: Flags.boolean({ char: 'y', summary: 'ask nothing: take the default of whatever is not given' }),
    verbose: Flags.boolean({ char: 'v', summary: 'say more about errors' }),
    help: Flags.help({ summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ConfigInit)
    const given: Partial<Record<(typeof textFlags)[number] | 'encrypt', string>> = {}
    for (const name of textFlags) {
      const value: unknown = flags[name]
      if (typeof value === 'string') given[name] = value
    }
    if (typeof flags['encrypt'] === 'boolean') given.encrypt = flags['encrypt'] ? 'yes' : 'no'
    try {
      const { initConfigHere } = await import('../../app/config-init-here.ts')
      const output: unknown = flags['output']
      const { file, nextSteps } = await initConfigHere(given, {
        output: typeof output === 'string' ? output : undefined,
        mayAsk: flags['yes'] !== true,
      })
      this.log(`wrote "${file}"; next:`)
      for (const step of nextSteps) this.log(`  ${step}`)
    } catch (error) {
      const verbosity = flags['verbose'] === true ? 1 : 0
      reportError(await createLogger({ verbosity, logFormat: 'text' }), error, verbosity)
      process.exitCode = EXIT_CODES.failure
    }
  }
}
