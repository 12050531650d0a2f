/** What `walr config init` has to know to write a configuration. */
export interface ConfigAnswers {
  readonly cluster: string
  /** Absolute. */
  readonly directory: string
  readonly slot: string
  /** A connection string or URI; empty to leave the connection to `PG*` variables. */
  readonly connection: string
  readonly storage: 'local' | 's3'
  /** Absolute; only with `local`, as those below only with `s3`. */
  readonly path: string
  readonly bucket: string
  readonly region: string
  /** Empty for Amazon's own. */
  readonly endpoint: string
  readonly encrypt: 'yes' | 'no'
}

/** One thing that is asked, or given by the flag of its name. */
export interface ConfigQuestion {
  readonly name: keyof ConfigAnswers
  readonly text: string
  /** What an empty answer means; undefined when there has to be an answer. */
  readonly fallback: ((answers: Partial<ConfigAnswers>) => string) | undefined
  /** Asked only with this storage. */
  readonly storage?: ConfigAnswers['storage']
  readonly choices?: readonly string[]
  /** Whether the answer is a path that starts where walr runs. */
  readonly isPath?: boolean
}

/** The questions in their order. */
export const CONFIG_QUESTIONS: readonly ConfigQuestion[] = [
  { name: 'cluster', text: 'Name of the cluster in the archive', fallback: () => 'main' },
  {
    name: 'connection',
    text: 'Connection string or URI of the server, without a password (empty: PG* variables)',
    fallback: () => '',
  },
  {
    name: 'directory',
    text: 'Directory to receive WAL into',
    fallback: ({ cluster }) => `/var/lib/walr/${cluster ?? 'main'}`,
    isPath: true,
  },
  { name: 'slot', text: 'Replication slot', fallback: () => 'walr' },
  { name: 'storage', text: 'Kind of storage for the archive', fallback: undefined, choices: ['local', 's3'] },
  { name: 'path', text: 'Directory of the archive', fallback: undefined, storage: 'local', isPath: true },
  { name: 'bucket', text: 'Bucket', fallback: undefined, storage: 's3' },
  { name: 'region', text: 'Region', fallback: () => 'us-east-1', storage: 's3' },
  { name: 'endpoint', text: "Endpoint (empty: Amazon's)", fallback: () => '', storage: 's3' },
  { name: 'encrypt', text: 'Encrypt the archive', fallback: () => 'no', choices: ['yes', 'no'] },
]
