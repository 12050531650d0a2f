import type { Interfaces } from '@oclif/core'
import { Command, Flags, loadHelpClass } from '@oclif/core'
import { receiveEntry } from '../app/receive-entry.ts'
import type { ReceiveOption } from '../app/receive-options/receive-option-table.ts'
import { RECEIVE_OPTIONS } from '../app/receive-options/receive-option-table.ts'

const groupNames = {
  general: undefined,
  connection: 'Connection options',
  action: 'Optional actions',
  walr: "walr's own options",
} as const

/**
 * `walr receive`. Its flags are for the help and the shell's completion; what is on the command line is read as
 * getopt_long does it (`app/receive-options`), because oclif's parser knows neither `-nvS name` nor `--sl name`.
 */
export default class Receive extends Command {
  static override summary = 'Receive write-ahead log from a PostgreSQL server, as pg_receivewal does.'

  static override description: string = [
    'Streams the write-ahead log of a running server into a directory, makes it durable, and only then acknowledges it.',
    "The options of pg_receivewal have the same meaning here, and both programs can continue each other's directory.",
    '\n\nExit status is 0 after --endpos, SIGINT or SIGTERM, 1 after an error, and 3 when WAL is missing between the',
    'directory and the server.',
  ].join(' ')

  static override examples: Command.Example[] = [
    {
      description: 'Receive into a directory, keeping the server from removing WAL that has not been received',
      command: '<%= config.bin %> receive -D /var/lib/walr/main -S walr -d "host=db.example.com user=walr"',
    },
    {
      description: 'Create the replication slot for it first',
      command: '<%= config.bin %> receive -S walr --create-slot --if-not-exists -h db.example.com -U walr',
    },
    {
      description: 'Receive up to a position, compressing finished segments',
      command: '<%= config.bin %> receive -D /var/lib/walr/main -E 16/B374D848 -Z zstd -n',
    },
  ]

  static override usage = 'receive [OPTION]...'

  static override flags: Interfaces.FlagInput = Object.fromEntries(
    helpOrder(RECEIVE_OPTIONS).map((option) => [option.name, toFlag(option)]),
  )

  static override strict = false

  async run(): Promise<void> {
    this.parsed = true
    const outcome = await receiveEntry(this.argv)
    if (outcome === 'help') await this.#showHelp()
    else if (outcome === 'version') this.log(`${this.config.bin} ${this.config.version}`)
  }

  async #showHelp(): Promise<void> {
    const Help = await loadHelpClass(this.config)
    await new Help(this.config, this.config.pjson.oclif.helpOptions).showHelp(['receive'])
  }
}

/** As pg_receivewal lists them: by group, in a group by letter or name, small letters first, the help last. */
function helpOrder(options: readonly ReceiveOption[]): ReceiveOption[] {
  const groups = Object.keys(groupNames)
  const word = ({ letter, name }: ReceiveOption): string => letter ?? name
  return options.toSorted(
    (a, b) =>
      groups.indexOf(a.group) - groups.indexOf(b.group) ||
      Number(a.name === 'help') - Number(b.name === 'help') ||
      word(a).localeCompare(word(b), 'en'),
  )
}

function toFlag(option: ReceiveOption): Interfaces.FlagInput[string] {
  const { name, letter, description, valueName, group } = option
  const helpGroup = groupNames[group]
  const common = {
    summary: description,
    ...(helpGroup !== undefined && { helpGroup }),
    // oclif takes letters only, not the question mark.
    ...(letter === '?' ? { helpLabel: `-?, --${name}` } : isFlagLetter(letter) && { char: letter }),
  }
  return valueName === undefined ? Flags.boolean(common) : Flags.string({ ...common, helpValue: valueName })
}

function isFlagLetter(
  letter: string | undefined,
): letter is Interfaces.AlphabetLowercase | Interfaces.AlphabetUppercase {
  return letter !== undefined && /^[A-Za-z]$/.test(letter)
}
