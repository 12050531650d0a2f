import type { RawSettings } from './raw-settings.ts'

const PROTOCOL_VERSIONS = ['3.0', '3.2', 'latest'] as const

/**
 * Refuses what libpq could do and walr cannot, where it is demanded; what merely allows something is accepted.
 * @throws WalrError WALR_CONNECTION_SETTING
 */
export function refuseUnsupported(settings: RawSettings): void {
  if (settings.oneOf('gssencmode', ['disable', 'prefer', 'require'], 'prefer') === 'require') {
    throw settings.invalid(
      'gssencmode',
      'gssencmode "require" is not supported: walr has no GSSAPI encryption',
      'Use TLS instead: gssencmode=disable sslmode=require.',
    )
  }
  for (const keyword of ['scram_client_key', 'scram_server_key', 'sslkeylogfile'] as const) {
    if (settings.text(keyword) !== undefined) throw settings.invalid(keyword, `${keyword} is not supported`)
  }
  settings.oneOf('max_protocol_version', PROTOCOL_VERSIONS, 'latest')
  const least = settings.oneOf('min_protocol_version', PROTOCOL_VERSIONS, '3.0')
  if (least !== '3.0') {
    throw settings.invalid('min_protocol_version', `min_protocol_version "${least}" is not supported: walr speaks 3.0`)
  }
}
