import type { ConfigSection } from '../config/config-tree.ts'
import { escapeReferences } from '../config/expand-text.ts'
import type { ConfigAnswers } from './config-answers.ts'

const s3 = '@walr/plugin-s3'
const crypto = '@walr/plugin-crypto'

/** Packages that a configuration made from these answers uses. */
export function pluginsFor({ storage, encrypt }: ConfigAnswers): readonly string[] {
  return [...(storage === 's3' ? [s3] : []), ...(encrypt === 'yes' ? [crypto] : [])]
}

/** The answers in the shape of the configuration, for the checks. */
export function treeFor(answers: ConfigAnswers): ConfigSection {
  const { cluster, connection, directory, slot, storage } = answers
  return {
    cluster,
    ...(connection !== '' && { connection }),
    receive: { directory, slot, createSlot: true },
    plugins: [...pluginsFor(answers)],
    archive: {
      storage: { use: storage === 's3' ? s3 : 'local' },
      codecs: [{ use: 'zstd' }, ...(answers.encrypt === 'yes' ? [{ use: crypto }] : [])],
    },
  }
}

/** The text of a configuration file: the answers, what each section is for, and the other settings as comments. */
export function configTemplate(answers: ConfigAnswers): string {
  const { cluster, connection, directory, slot } = answers
  const plugins = pluginsFor(answers)
  const lines = `# Configuration of walr. "walr config validate" checks it, "walr config show" shows what is in force.
# Values may hold \${NAME}, \${NAME:-default} and \${file:/run/secrets/name}; a "$" before a "{" or another "$" is written "$$".
# Every key has an environment variable that goes before it: WALR_RECEIVE_DIRECTORY, WALR_ARCHIVE_STORAGE_USE.

# The name of the cluster in the archive. Each cluster has its own.
cluster: ${scalar(cluster)}

# How to connect: a connection string, a URI, or libpq's keywords. PG* variables, service files and .pgpass fill what is
# missing. The user needs the REPLICATION attribute.
${
  connection === ''
    ? '# connection: { host: db.example.com, port: 5432, user: walr, password: "${file:/run/secrets/walr}" }'
    : `connection: ${scalar(connection)}`
}

# How WAL is received. The directory has to exist; it has pg_receivewal's layout.
receive:
  directory: ${scalar(directory)}
  # Without a slot the server may remove WAL before it was received.
  slot: ${scalar(slot)}
  createSlot: true
  # A second slot that follows the archive: the server keeps what exists on the disk of walr alone.
  # guardSlot: ${/^\w{1,57}$/.test(slot) ? slot : 'walr'}_guard
  # statusInterval: 10s
  # flush: batch
  # compress: zstd

# Packages that the entries below may use. "walr plugins install NAME" installs one and adds it here.
${plugins.length === 0 ? `# plugins: ["${s3}", "${crypto}"]` : `plugins: ${JSON.stringify(plugins)}`}

# Where finished WAL goes to. It is removed from the directory above only when the storage has confirmed it.
archive:
  storage:
${storageLines(answers)}
  # What is done to the bytes on their way, compression before encryption.
  codecs:
    - use: zstd
      # level: 3
${codecLines(answers)}
  # Codecs that old objects were written with and new ones are not.
  # readCodecs: [gzip]
  # concurrency: 2
  # How long files stay in the receive directory after they were archived.
  # keepLocal: 1h
  # drainTimeout: 30s
`
  return lines
}

function storageLines({ storage, path, bucket, region, endpoint }: ConfigAnswers): string {
  if (storage === 'local') {
    return [
      '    use: local',
      '    # Has to exist. Choose another disk than that of the receive directory, better another machine.',
      `    path: ${scalar(path)}`,
    ].join('\n')
  }
  return [
    `    use: ${scalar(s3)}`,
    `    bucket: ${scalar(bucket)}`,
    `    region: ${scalar(region)}`,
    endpoint === '' ? '    # endpoint: https://s3.example.com' : `    endpoint: ${scalar(endpoint)}`,
    '    # prefix: pg',
    '    # Without keys the usual credentials of the machine count: variables, profile, role.',
    '    # accessKeyId: "${AWS_ACCESS_KEY_ID}"',
    '    # secretAccessKey: "${file:/run/secrets/s3}"',
  ].join('\n')
}

function codecLines({ encrypt }: ConfigAnswers): string {
  if (encrypt === 'no') return `    # - use: "${crypto}"\n    #   keyFile: walr.key`
  return [
    `    - use: ${scalar(crypto)}`,
    '      # Made by "walr keys generate --output walr.key". Keep a copy elsewhere: without it the archive is lost.',
    '      keyFile: walr.key',
  ].join('\n')
}

/** A value as YAML writes it and walr reads it back. */
function scalar(text: string): string {
  const escaped = escapeReferences(text)
  const isPlain = /^[A-Za-z/][A-Za-z0-9_./-]*$/.test(escaped) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(escaped)
  return isPlain ? escaped : JSON.stringify(escaped)
}
