import { resolve } from 'node:path'
import { Command, Flags } from '@oclif/core'
import { createLogger } from '../../app/create-logger.ts'
import { EXIT_CODES } from '../../errors/exit-codes.ts'
import { reportError } from '../../telemetry/report-error.ts'

/** `walr keys generate`. */
export default class GenerateKey extends Command {
  static override summary = 'Make a key for the encryption of the archive.'

  static override description: string = [
    'Prints one line, "walr-key:ID:KEY", as @walr/plugin-crypto reads it; or stores it in a file with mode 0600.',
    'With --add the new key becomes the first one of the file, which encrypts new objects; the others read old ones.',
    'The file is then replaced by a new one, which belongs to who runs the command.',
    '\n\nWithout the key nobody can read what was encrypted with it. Keep a copy where neither the archive',
    'nor the database is.',
  ].join(' ')

  static override examples: Command.Example[] = [
    { description: 'Make the first key', command: '<%= config.bin %> keys generate --output /etc/walr/walr.keys' },
    { description: 'Change the key', command: '<%= config.bin %> keys generate --output /etc/walr/walr.keys --add' },
    { description: 'For a secret store', command: '<%= config.bin %> keys generate --id production-2 --json' },
  ]

  static override flags = {
    id: Flags.string({ helpValue: 'ID', summary: 'name of the key (default: the date and four random digits)' }),
    output: Flags.string({ char: 'o', helpValue: 'FILE', summary: 'store the key in this file, which must not exist' }),
    add: Flags.boolean({ summary: 'the file may exist: put the key in front of those that it has' }),
    json: Flags.boolean({ summary: 'print JSON' }),
    help: Flags.boolean({ char: 'h', summary: 'show this help, then exit' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(GenerateKey)
    const logger = await createLogger({ verbosity: 0, logFormat: 'text' })
    try {
      const { generateKey } = await import('../../app/generate-key.ts')
      const file = flags.output === undefined ? undefined : resolve(flags.output)
      const { id, line } = await generateKey({ id: flags.id, file, add: flags.add })
      if (flags.json) this.log(JSON.stringify(file === undefined ? { id, key: line } : { id, file }))
      else if (file === undefined) this.log(line)
      if (file !== undefined) logger.notice(`key "${id}" is in file "${file}"`)
      logger.warning(`without the key "${id}" nobody can read what is encrypted with it`, {
        hint: 'Keep a copy where neither the archive nor the database is.',
      })
    } catch (error) {
      reportError(logger, error, 0)
      process.exitCode = EXIT_CODES.failure
    }
  }
}
