import { z } from 'zod'
import { boolean, connection, duration, oneOf, parsedBy, text, textOrNumber, wholeNumber } from './setting-types.ts'
import { parseListenAddress } from './listen-address.ts'
import type { ArchiveConfig, HttpConfig, PluginEntry, ReceiveConfig, WalrConfig } from './walr-config.ts'

/** What the documentation and the environment need to know about a key. */
export interface SettingDescription {
  /** For the reader: `text`, `duration`, `"batch" or "segment"`. */
  readonly type: string
  /** Decides which variables there are. */
  readonly kind: 'scalar' | 'list' | 'entry' | 'entries' | 'connection'
  /** Sentences without the key's name. */
  readonly summary: string
  /** The value without the key, for the reader. */
  readonly default?: string
  readonly required?: boolean
  /** Never shown. */
  readonly secret?: boolean
}

/** The description of each key's schema in the sections below. */
export const settingDescriptions: z.core.$ZodRegistry<SettingDescription> = z.registry<SettingDescription>()

function described<T extends z.ZodType>(
  schema: T,
  type: string,
  summary: string,
  more: Partial<SettingDescription> = {},
): T {
  settingDescriptions.add(schema, { kind: 'scalar', type, summary, ...more })
  return schema
}

/** What PostgreSQL accepts. */
const slotName = (): z.ZodType<string> =>
  text('the name of a replication slot: small letters, digits and "_", at most 63', /^[a-z0-9_]{1,63}$/)

const pluginEntry: z.ZodType<PluginEntry> = z.looseObject({ use: text('the name of a plugin or of a built-in') })

const receiveSchema = z.strictObject({
  directory: described(
    text('the path of a directory').exactOptional(),
    'path',
    'Where WAL is received into. A relative path starts at the folder of the file; in a variable, at the working directory.',
  ),
  slot: described(
    slotName().exactOptional(),
    'text',
    'The replication slot to stream from. Without one the server may remove WAL that has not been received.',
  ),
  createSlot: described(
    boolean().default(false),
    'boolean',
    'Whether to create `slot` when the server does not have it.',
    {
      default: 'false',
    },
  ),
  guardSlot: described(
    slotName().exactOptional(),
    'text',
    'A second slot, advanced only to what the archive has confirmed: what exists on the receiving disk alone stays on the server, too. Needs `archive`.',
  ),
  statusInterval: described(
    duration('24d').default({ ms: 10_000 }),
    'duration',
    'The longest time between two status messages to the server; `0s` for none but the necessary ones.',
    { default: '10s' },
  ),
  flush: described(
    oneOf('batch', 'segment').default('batch'),
    '"batch" or "segment"',
    '`batch` makes durable and acknowledges all that has arrived, `segment` finished segments only.',
    { default: 'batch' },
  ),
  compress: described(
    textOrNumber('METHOD[:DETAIL] as for --compress').exactOptional(),
    'text',
    'How finished segments are compressed in the directory, as `walr receive --compress`: `gzip`, `lz4`, `zstd`, with a level or options behind a colon. The archiver decodes them; it has codecs of its own.',
  ),
}) satisfies z.ZodType<ReceiveConfig>

const archiveSchema = z.strictObject({
  storage: described(
    pluginEntry,
    'plugin entry',
    'Where finished WAL goes to. `use` names `local` or a plugin; the other keys are its options.',
    { kind: 'entry', required: true },
  ),
  codecs: described(
    z.array(pluginEntry).default([{ use: 'zstd' }]),
    'list of plugin entries',
    'What is done to the bytes on their way, in this order: compression before encryption. `[zstd]` is short for `[{ use: zstd }]`; `[]` stores them as they are.',
    { kind: 'entries', default: '[zstd]' },
  ),
  readCodecs: described(
    z.array(pluginEntry).default([]),
    'list of plugin entries',
    'Codecs that old objects in the archive were written with and new ones are not.',
    { kind: 'entries', default: '[]' },
  ),
  concurrency: described(
    wholeNumber(1, 64).default(2),
    'integer',
    'How many files are archived at the same time, 1 to 64.',
    {
      default: '2',
    },
  ),
  keepLocal: described(
    duration('3650d').default({ ms: 0 }),
    'duration',
    'How long a file stays in the receive directory after the archive confirmed it.',
    { default: '0s' },
  ),
  drainTimeout: described(
    duration('24d').default({ ms: 30_000 }),
    'duration',
    'How long walr goes on archiving after it was asked to stop. What is left is archived after the next start.',
    { default: '30s' },
  ),
}) satisfies z.ZodType<ArchiveConfig>

const filePath = (): z.ZodType<string> => text('the path of a file')

const httpSchema = z.strictObject({
  listen: described(
    parsedBy('HOST:PORT such as 127.0.0.1:7070 or [::1]:7070, or unix:/PATH', (value) =>
      typeof value === 'string' && parseListenAddress(value) !== undefined ? value : undefined,
    ).default('127.0.0.1:7070'),
    'text',
    'Where `walr receive` and `walr serve` give WAL to recoveries elsewhere: `HOST:PORT` or `unix:/PATH`. An address that other machines reach needs `token` or `clientCaFile`.',
    { default: '127.0.0.1:7070' },
  ),
  token: described(
    text('at least 16 letters, digits and signs without spaces', /^[\x21-\x7e]{16,1024}$/).exactOptional(),
    'text',
    'A secret of at least 16 characters that clients have to show (`--serve-token-file`). Without TLS it can be read on its way.',
    { secret: true },
  ),
  certFile: described(
    filePath().exactOptional(),
    'path',
    "walr's certificate, with those between it and its authority (PEM): with it and `keyFile`, HTTPS is spoken, and nothing else.",
  ),
  keyFile: described(filePath().exactOptional(), 'path', 'The private key of `certFile` (PEM).'),
  clientCaFile: described(
    filePath().exactOptional(),
    'path',
    'Certificates of authorities (PEM): only clients with a certificate of theirs are served. Together with `token`, they need both.',
  ),
  maxDownloads: described(
    wholeNumber(1, 1024).default(64),
    'integer',
    'How many requests are answered at the same time, 1 to 1024. Others are told to come again.',
    { default: '64' },
  ),
}) satisfies z.ZodType<HttpConfig>

const pluginName = text(
  'the name of a package, or a path that starts with "./", "../" or "/"',
  /^(?:(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*|\.{1,2}\/[^\0]+|\/[^\0]+)$/,
)

const rootSchema = z.strictObject({
  cluster: described(
    text(
      'letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit',
      /^[A-Za-z0-9][\w.-]{0,62}$/,
    ).default('main'),
    'text',
    'The name of the cluster in the archive. Each cluster has its own.',
    { default: 'main' },
  ),
  connection: described(
    connection().exactOptional(),
    "connection string, URI or libpq's keywords",
    'How to connect to the server. `PG*` variables, service files and `.pgpass` fill what is missing.',
    { kind: 'connection' },
  ),
  receive: receiveSchema.prefault({}),
  plugins: described(
    z.array(pluginName).default([]),
    'list of text',
    'Plugins that entries may use: names of packages, or paths that start at the folder of the file.',
    { kind: 'list', default: '[]' },
  ),
  archive: archiveSchema.exactOptional(),
  http: httpSchema.exactOptional(),
})

/** The sections and keys of walr's configuration; what is not listed is an error. */
export const configSchema: z.ZodType<WalrConfig> = rootSchema

/** The schema of each key, by section; the empty name is the top level. */
export const sectionShapes: Readonly<Record<string, Readonly<Record<string, z.ZodType>>>> = {
  '': rootSchema.shape,
  receive: receiveSchema.shape,
  archive: archiveSchema.shape,
  http: httpSchema.shape,
}
