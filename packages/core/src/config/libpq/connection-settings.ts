/**
 * How to reach a server: the outcome of options, connection string, service file, environment and defaults, checked.
 * Names are libpq's where libpq has one (PostgreSQL manual, "Parameter Key Words").
 */
export interface ConnectionSettings {
  /** In the order in which they are tried (already shuffled when `load_balance_hosts=random`). At least one. */
  readonly hosts: readonly HostSettings[]
  /** Whether the addresses of one host are shuffled, too (`load_balance_hosts=random`). */
  readonly loadBalanceHosts: boolean
  readonly user: string
  /** Database name as given; a physical replication connection sends `replication`, and this is for .pgpass only. */
  readonly databaseName: string | undefined
  readonly applicationName: string
  /** The `options` start-up parameter. */
  readonly serverOptions: string | undefined
  readonly clientEncoding: string | undefined
  /** Per host and address; 0 is no limit. */
  readonly connectTimeoutMs: number
  readonly targetSessionAttrs: 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby'
  readonly keepalives: { readonly enabled: boolean; readonly idleMs: number | undefined }
  /** Milliseconds for TCP_USER_TIMEOUT; Node cannot set it, so it bounds silence instead. 0 is the default. */
  readonly tcpUserTimeoutMs: number
  readonly tls: TlsSettings
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  /** Methods the server may use; undefined is any. Negative lists are resolved already. */
  readonly requireAuth: ReadonlySet<AuthenticationMethod> | undefined
  /** `-w`: false, never ask; `-W`: 'always'; otherwise ask when the server does. */
  readonly prompt: 'never' | 'when-asked' | 'always'
  /** Why the password file was not used, though it is there: `password file "..." is not a plain file`. */
  readonly passwordFileWarning: string | undefined
}

export type AuthenticationMethod = 'password' | 'md5' | 'gss' | 'sspi' | 'scram-sha-256' | 'none'

/** One server to try. */
export interface HostSettings {
  /** What the user wrote: host name, address or socket directory. Used for messages, .pgpass and verify-full. */
  readonly host: string
  /** `hostaddr`, when given: connect here, verify against `host`. */
  readonly hostAddress: string | undefined
  readonly port: number
  /** Path of the Unix socket, when `host` is a directory or abstract name; then there is no TLS. */
  readonly socketPath: string | undefined
  /**
   * From the connection string, PGPASSWORD or .pgpass, in that order. Not enumerable, so that no inspection, log or JSON
   * shows it; a spread copy of the object has lost it.
   */
  readonly password: string | undefined
  /** Where the password came from, for messages ("password retrieved from file ..."). Never the password. */
  readonly passwordSource: string | undefined
}

/** A setting that names a file, or a directory of files. */
export type TlsFileKeyword = 'sslrootcert' | 'sslcert' | 'sslkey' | 'sslcrl' | 'sslcrldir'

/** Contents of the files are read when a connection is made, so that renewed certificates are used. */
export interface TlsSettings {
  readonly mode: 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
  /** Where files that are not named are looked for: `~/.postgresql`; undefined when there is no home directory. */
  readonly defaultDirectory: string | undefined
  readonly negotiation: 'postgres' | 'direct'
  /** `system` for the system's roots. undefined: `~/.postgresql/root.crt` if it exists. */
  readonly rootCertificateFile: string | undefined
  readonly certificateFile: string | undefined
  readonly keyFile: string | undefined
  /** Not enumerable, as {@link HostSettings.password}. */
  readonly keyPassphrase: string | undefined
  readonly revocationListFile: string | undefined
  readonly revocationListDirectory: string | undefined
  /** Where the names of the files came from, for messages; absent for the default ones. */
  readonly fileSources: Readonly<Partial<Record<TlsFileKeyword, string>>>
  readonly certificateMode: 'disable' | 'allow' | 'require'
  readonly serverNameIndication: boolean
  readonly minProtocolVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  readonly maxProtocolVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | undefined
  /** `requirepeer`: user that must own the server's end of a Unix socket. Node cannot check it, so it is refused. */
  readonly requirePeer: string | undefined
}
