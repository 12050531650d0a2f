import type { TlsSettings } from './connection-settings.ts'
import { inHomeDirectory } from './home-directory.ts'
import type { RawSettings } from './raw-settings.ts'
import { withSecret } from './secret-property.ts'

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
const FILES = ['sslrootcert', 'sslcert', 'sslkey', 'sslcrl', 'sslcrldir'] as const
const PROTOCOLS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
type Protocol = (typeof PROTOCOLS)[number]

/**
 * Everything about TLS, checked as libpq does when it connects.
 * @throws WalrError WALR_CONNECTION_SETTING
 */
export function tlsSettings(settings: RawSettings, environment: NodeJS.ProcessEnv): TlsSettings {
  const minProtocolVersion = protocol(settings, 'ssl_min_protocol_version') ?? 'TLSv1.2'
  const maxProtocolVersion = protocol(settings, 'ssl_max_protocol_version')
  if (maxProtocolVersion && PROTOCOLS.indexOf(maxProtocolVersion) < PROTOCOLS.indexOf(minProtocolVersion)) {
    const message = `invalid SSL protocol version range: ${minProtocolVersion} to ${maxProtocolVersion}`
    throw settings.invalid('ssl_max_protocol_version', message)
  }
  const tls = {
    mode: sslMode(settings),
    defaultDirectory: inHomeDirectory(environment, '.postgresql'),
    negotiation: settings.oneOf('sslnegotiation', ['postgres', 'direct'], 'postgres'),
    rootCertificateFile: settings.text('sslrootcert'),
    certificateFile: settings.text('sslcert'),
    keyFile: settings.text('sslkey'),
    revocationListFile: settings.text('sslcrl'),
    revocationListDirectory: settings.text('sslcrldir'),
    fileSources: fileSources(settings),
    certificateMode: certificateMode(settings),
    serverNameIndication: settings.text('sslsni')?.startsWith('1') ?? true,
    minProtocolVersion,
    maxProtocolVersion,
    requirePeer: settings.text('requirepeer'),
  }
  checkWeakMode(settings, tls)
  return withSecret(tls, 'keyPassphrase', settings.text('sslpassword'))
}

function fileSources(settings: RawSettings): TlsSettings['fileSources'] {
  return Object.fromEntries(
    FILES.flatMap((keyword) => {
      const source = settings.text(keyword) === undefined ? undefined : settings.get(keyword)?.source
      return source === undefined ? [] : [[keyword, source]]
    }),
  )
}

function sslMode(settings: RawSettings): TlsSettings['mode'] {
  return settings.oneOf('sslmode', MODES, settings.text('sslrootcert') === 'system' ? 'verify-full' : 'prefer')
}

function checkWeakMode(
  settings: RawSettings,
  tls: Pick<TlsSettings, 'mode' | 'negotiation' | 'rootCertificateFile'>,
): void {
  const weak = `weak sslmode "${tls.mode}" may not be used with`
  if (tls.rootCertificateFile === 'system' && tls.mode !== 'verify-full') {
    throw settings.invalid('sslmode', `${weak} sslrootcert=system (use "verify-full")`)
  }
  if (tls.negotiation === 'direct' && MODES.indexOf(tls.mode) < MODES.indexOf('require')) {
    throw settings.invalid('sslmode', `${weak} sslnegotiation=direct (use "require", "verify-ca", or "verify-full")`)
  }
}

function certificateMode(settings: RawSettings): TlsSettings['certificateMode'] {
  const mode = settings.oneOf('sslcertmode', ['disable', 'allow', 'require'], 'allow')
  if (mode !== 'require') return mode
  throw settings.invalid(
    'sslcertmode',
    'sslcertmode "require" is not supported: whether the server asked for a certificate cannot be seen',
    'Use sslcertmode=allow; the server decides with "cert" or clientcert in pg_hba.conf.',
  )
}

/** Upper and lower case are the same to libpq here; an empty value is no bound. */
function protocol(
  settings: RawSettings,
  keyword: 'ssl_min_protocol_version' | 'ssl_max_protocol_version',
): Protocol | undefined {
  const value = settings.text(keyword)
  if (value === undefined) return undefined
  const version = PROTOCOLS.find((candidate) => candidate.toLowerCase() === value.toLowerCase())
  if (!version) throw settings.invalid(keyword, `invalid ${keyword} value: "${value}"`)
  return version
}
