import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { formatConfigPath } from '../../packages/core/src/config/config-path.ts'
import { CONFIG_FILE_NAMES } from '../../packages/core/src/config/find-config-file.ts'
import { SETTINGS, type Setting } from '../../packages/core/src/config/setting-table.ts'
import { BUILTIN_PLUGINS } from '../../packages/core/src/builtin/index.ts'
import type { OptionDescription, WalrPlugin } from '../../packages/core/src/plugins/contract/index.ts'

const sectionTitles = { '': 'Top level', receive: '`receive`', archive: '`archive`', http: '`http`' } as const

/** The text of `docs/configuration.md`, from the schema of the configuration and the options of the built-ins. */
export async function configurationPage(): Promise<string> {
  const text = `# Configuration

This page is generated from \`packages/core/src/config\` and \`packages/core/src/builtin\` by \`npm run docs:write\`. Do not edit
it.

\`walr config init\` writes a configuration file, \`walr config validate\` checks it with its plugins and their options, and
\`walr config show\` shows every setting with its value and where that came from. Secrets are masked there, and in all messages.

\`\`\`yaml
cluster: main
connection: { host: db.example.com, user: walr, password: "\${file:/run/secrets/walr}" }
receive:
  directory: /var/lib/walr/main
  slot: walr
  createSlot: true
plugins: ["@walr/plugin-s3", "@walr/plugin-crypto"]
archive:
  storage: { use: "@walr/plugin-s3", bucket: backups, prefix: pg, region: eu-central-1 }
  codecs: [{ use: zstd, level: 3 }, { use: "@walr/plugin-crypto", keyFile: walr.key }]
http: { listen: "0.0.0.0:7070", token: "\${file:/run/secrets/walr-token}", certFile: walr.crt, keyFile: walr.pem }
\`\`\`

## Where it comes from

The file is the one that \`--config FILE\` names, else the one that \`WALR_CONFIG\` names. When nobody names one, it is
looked for in the working directory only, by all commands but a \`walr receive\` with \`--directory\` or an action on slots:
${CONFIG_FILE_NAMES.map((name) => `\`${name}\``).join(', ')}, and the key \`walr\` of \`package.json\`. More than one of them is an error,
and so is one that cannot be read: it is never taken for none. A name without an ending is YAML; \`.js\`, \`.mjs\`, \`.cjs\`,
\`.ts\`, \`.mts\` and \`.cts\` are modules whose default export is the configuration. TypeScript needs no compiler; only its types
may be TypeScript's.

An option of the command line goes before the environment, the environment before the file, the file before the defaults.
A key that is not on this page is an error that names the nearest one. All faults are reported at once;
those that plugins find in their options follow when there are no others.

Relative paths in the file, also those in options of plugins and in \`\${file:...}\`, start at the folder of the file; without
a file, where walr runs. \`WALR_RECEIVE_DIRECTORY\` starts where walr runs.

## Values

- A **duration** is a whole number with one of the units \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`: \`500ms\`, \`30s\`, \`15m\`, \`12h\`, \`7d\`. A bare
  number is seconds.
- A **boolean** is \`true\` or \`false\`; \`on\`, \`yes\`, \`off\` and \`no\` are accepted.
- A **plugin entry** is a section with \`use\`, the name of a built-in (\`local\`, \`zstd\`, \`gzip\`) or of a plugin exactly as it is
  listed in \`plugins\`; its other keys are options, which the plugin checks. In lists the bare name is enough.
- A key without a value is an error, except \`receive:\`, \`archive:\` and \`http:\`, which are sections without keys then.

### References

Texts in the file may refer to other places. References are replaced after the file was parsed, so what is put in can hold
any character, and is not looked at again. Keys are not replaced.

| written | is |
| --- | --- |
| \`\${NAME}\` | the environment variable; an error when it is not set |
| \`\${NAME:-default}\` | the variable, or the default when it is not set or empty |
| \`\${file:/run/secrets/name}\` | the text of the file without one newline at its end, UTF-8, at most 1 MiB; always a secret |
| \`$$\` | a \`$\` |

A \`$\` before anything else is itself. A default may hold \`$$\`, but neither \`}\` nor another reference. The value of a variable
whose name has \`pass\`, \`secret\`, \`key\`, \`token\` or \`credential\` in it is a secret, too.

### Environment variables

Every key has a variable, which the tables below name. An empty variable counts as not set. Values are taken as they are:
\`$\` has no meaning in them.

| for | variable | example |
| --- | --- | --- |
| a key | \`WALR_\` and its path | \`WALR_ARCHIVE_KEEP_LOCAL=1h\` |
| a list | its path, with commas | \`WALR_PLUGINS=@walr/plugin-s3,./codec.js\` |
| an item of a list | and its index, from 0 | \`WALR_ARCHIVE_CODECS_1=gzip\` |
| an option of an entry | and the option | \`WALR_ARCHIVE_STORAGE_FORCE_PATH_STYLE=true\` is \`forcePathStyle\` |
| an option of an item | and both | \`WALR_ARCHIVE_CODECS_0_LEVEL=9\` |
| a keyword of the connection | and the keyword | \`WALR_CONNECTION_PASSWORD=...\` |

Nested options have none. A keyword of the connection is added to a connection string of the file. A variable that begins
with a section's name, such as \`WALR_ARCHIVE_\`, and fits no key is an error. Other \`WALR_\` names are left alone, and so are
those that Kubernetes makes for a service of such a name.

## Keys

${Object.entries(sectionTitles)
  .map(([section, title]) => `### ${title}\n\n${settingTable(section)}`)
  .join('\n\n')}

## Built-in storage and codecs

${BUILTIN_PLUGINS.map(pluginSection).join('\n\n')}
`
  const path = join(import.meta.dirname, '../../docs/configuration.md')
  return format(text, { ...(await resolveConfig(path)), parser: 'markdown' })
}

function settingTable(section: string): string {
  const settings = SETTINGS.filter(({ path }) => (path.length === 1 ? '' : path[0]) === section)
  const rows = settings.map((setting) => [
    `\`${formatConfigPath(setting.path)}\``,
    setting.type,
    defaultOf(setting),
    variablesOf(setting),
    setting.summary,
  ])
  return table(['key', 'type', 'default', 'environment variable', 'meaning'], rows)
}

function defaultOf(setting: Setting): string {
  if (setting.default !== undefined) return `\`${setting.default}\``
  return setting.required === true ? '(required)' : ''
}

function variablesOf({ kind, variable }: Setting): string {
  switch (kind) {
    case 'scalar':
      return `\`${variable}\``
    case 'connection':
      return `\`${variable}\`, \`${variable}_HOST\`, ...`
    case 'list':
      return `\`${variable}\`, \`${variable}_0\`, ...`
    case 'entry':
      return `\`${variable}_USE\`, \`${variable}_OPTION\``
    case 'entries':
      return `\`${variable}\`, \`${variable}_0_USE\`, \`${variable}_0_OPTION\``
  }
}

function pluginSection({ name, options, createStorage }: WalrPlugin): string {
  const kind = createStorage === undefined ? 'codec' : 'storage'
  const rows = options.map((option) => [`\`${option.name}\``, option.type, optionDefault(option), option.summary])
  return `### \`${name}\` (${kind})\n\n${rows.length === 0 ? 'It has no options.' : table(['option', 'type', 'default', 'meaning'], rows)}`
}

function optionDefault({ default: value, required }: OptionDescription): string {
  if (value !== undefined) return `\`${value}\``
  return required === true ? '(required)' : ''
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}
