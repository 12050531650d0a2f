/**
 * Every parameter that the client library of PostgreSQL 13 to 18 knows, and the environment variable that gives it a value.
 *
 * @see PostgreSQL manual, "Parameter Key Words" and "Environment Variables"
 */
export const CONNECTION_KEYWORDS = {
  application_name: 'PGAPPNAME',
  authtype: undefined,
  channel_binding: 'PGCHANNELBINDING',
  client_encoding: 'PGCLIENTENCODING',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  // PGDATABASE is left out: a physical replication connection always names the database itself.
  dbname: undefined,
  fallback_application_name: undefined,
  gssdelegation: 'PGGSSDELEGATION',
  gssencmode: 'PGGSSENCMODE',
  gsslib: 'PGGSSLIB',
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  keepalives: undefined,
  keepalives_count: undefined,
  keepalives_idle: undefined,
  keepalives_interval: undefined,
  krbsrvname: 'PGKRBSRVNAME',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
  max_protocol_version: 'PGMAXPROTOCOLVERSION',
  min_protocol_version: 'PGMINPROTOCOLVERSION',
  oauth_client_id: undefined,
  oauth_client_secret: undefined,
  oauth_issuer: undefined,
  oauth_scope: undefined,
  options: 'PGOPTIONS',
  passfile: 'PGPASSFILE',
  password: 'PGPASSWORD',
  port: 'PGPORT',
  replication: undefined,
  require_auth: 'PGREQUIREAUTH',
  requirepeer: 'PGREQUIREPEER',
  requiressl: undefined,
  scram_client_key: undefined,
  scram_server_key: undefined,
  service: 'PGSERVICE',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  sslcert: 'PGSSLCERT',
  sslcertmode: 'PGSSLCERTMODE',
  sslcompression: 'PGSSLCOMPRESSION',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslkey: 'PGSSLKEY',
  sslkeylogfile: undefined,
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslpassword: undefined,
  sslrootcert: 'PGSSLROOTCERT',
  sslsni: 'PGSSLSNI',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  tcp_user_timeout: undefined,
  tty: undefined,
  user: 'PGUSER',
} as const

/** A parameter of libpq. */
export type ConnectionKeyword = keyof typeof CONNECTION_KEYWORDS

/** Whether libpq knows a parameter of this name. */
export function isConnectionKeyword(name: string): name is ConnectionKeyword {
  return Object.hasOwn(CONNECTION_KEYWORDS, name)
}

/** Whether the values of this parameter must not be shown to anybody. */
export function isSecretKeyword(name: string): boolean {
  return ['password', 'sslpassword', 'scram_client_key', 'scram_server_key', 'oauth_client_secret'].includes(name)
}
