import { userInfo } from 'node:os'
import type { Logger } from '../../telemetry/logger.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { ConnectionSettings, HostSettings } from './connection-settings.ts'
import { gatherSettings, type GivenSettings } from './gather-settings.ts'
import { listHosts, type ListedHost } from './host-list.ts'
import { inHomeDirectory } from './home-directory.ts'
import { readPasswordFile } from './password-file.ts'
import type { RawSettings } from './raw-settings.ts'
import { requiredAuthentication } from './required-authentication.ts'
import { withSecret } from './secret-property.ts'
import { shuffle } from './shuffle.ts'
import { tlsSettings } from './tls-settings.ts'
import { refuseUnsupported } from './unsupported-settings.ts'

/** What the settings are made from. */
export interface ConnectionSettingsInput {
  readonly options: GivenSettings & { readonly prompt: ConnectionSettings['prompt'] }
  readonly environment: NodeJS.ProcessEnv
  /** application_name when nobody gives one. */
  readonly fallbackApplicationName: string
  /** Told about password files that are not used. */
  readonly logger?: Pick<Logger, 'warning'>
}

/** Database names that pg_hba.conf and .pgpass know physical replication by. */
const REPLICATION = 'replication'
const MILLISECONDS = 1_000
const SESSION_ATTRIBUTES = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const

/**
 * Finds out how to connect, as libpq does: options go before the connection string, that before the service file, that
 * before the environment, that before the defaults. Files are read; nothing is connected to.
 *
 * @throws WalrError WALR_CONNECTION_SETTING; the message names the value and where it came from, and never a password.
 * @see PostgreSQL manual, "Database Connection Control Functions"
 */
export async function resolveConnectionSettings(input: ConnectionSettingsInput): Promise<ConnectionSettings> {
  const { options, environment } = input
  const settings = await gatherSettings(options, environment)
  refuseUnsupported(settings)
  const user = settings.text('user') ?? systemUser()
  const loadBalanceHosts = settings.oneOf('load_balance_hosts', ['disable', 'random'], 'disable') === 'random'
  const tls = tlsSettings(settings, environment)
  const listed = listHosts(settings)
  const socket = listed.find(({ socketPath }) => socketPath !== undefined)
  if (tls.requirePeer !== undefined && socket) {
    throw settings.invalid(
      'requirepeer',
      `requirepeer "${tls.requirePeer}" is not supported: the owner of the server's end of a Unix socket cannot be seen`,
    )
  }
  const { hosts, passwordFileWarning } = await addPasswords(listed, settings, user, input)
  const idle = settings.integer('keepalives_idle') ?? 0
  const encoding = settings.text('client_encoding')
  return {
    hosts: loadBalanceHosts ? shuffle(hosts) : hosts,
    loadBalanceHosts,
    user,
    databaseName: settings.text('dbname'),
    applicationName:
      settings.text('application_name') ?? settings.text('fallback_application_name') ?? input.fallbackApplicationName,
    serverOptions: settings.text('options'),
    clientEncoding: encoding === 'auto' ? 'UTF8' : encoding,
    connectTimeoutMs: Math.max(settings.integer('connect_timeout') ?? 0, 0) * MILLISECONDS,
    targetSessionAttrs: settings.oneOf('target_session_attrs', SESSION_ATTRIBUTES, 'any'),
    keepalives: {
      enabled: (settings.integer('keepalives') ?? 1) !== 0,
      idleMs: idle > 0 ? idle * MILLISECONDS : undefined,
    },
    tcpUserTimeoutMs: Math.max(settings.integer('tcp_user_timeout') ?? 0, 0),
    tls,
    channelBinding: settings.oneOf('channel_binding', ['disable', 'prefer', 'require'], 'prefer'),
    requireAuth: requiredAuthentication(settings),
    prompt: options.prompt,
    passwordFileWarning,
  }
}

async function addPasswords(
  listed: readonly ListedHost[],
  settings: RawSettings,
  user: string,
  { environment, logger }: ConnectionSettingsInput,
): Promise<{ readonly hosts: readonly HostSettings[]; readonly passwordFileWarning: string | undefined }> {
  const given = settings.get('password')
  const path = settings.text('passfile') ?? inHomeDirectory(environment, '.pgpass')
  const search = (given === undefined || given.value === '') && path !== undefined
  const file = search ? await readPasswordFile(path) : undefined
  if (file?.warning !== undefined) logger?.warning(file.warning)
  const databases = [REPLICATION, settings.text('dbname') ?? REPLICATION]
  const hosts = listed.map(({ passwordHost, ...host }) => {
    const found = file?.find({ host: passwordHost, port: host.port, databases, user })
    const password = file ? found : given?.value
    const fileSource = found === undefined ? undefined : `file "${path ?? ''}"`
    return withSecret({ ...host, passwordSource: file ? fileSource : given?.source }, 'password', password)
  })
  return { hosts, passwordFileWarning: file?.warning }
}

function systemUser(): string {
  try {
    return userInfo().username
  } catch (cause) {
    throw new WalrError(
      'WALR_CONNECTION_SETTING',
      'no user name was given, and the system knows none for this process',
      {
        hint: 'Give one with -U, in the connection string, or as PGUSER.',
        cause,
      },
    )
  }
}
