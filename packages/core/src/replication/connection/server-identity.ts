import { WalrError } from '../../errors/walr-error.ts'

const OLDEST = 130_000

/**
 * Reads `server_version` as PostgreSQL's client library does: 150018 for `15.18 (Debian 15.18-0+deb12u1)`.
 * @returns undefined when the text does not begin with a version.
 */
export function parseServerVersion(text: string): number | undefined {
  const match = /^(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?/.exec(text)
  if (!match) return undefined
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map((part) => Number(part || 0))
  return major >= 10 ? major * 10_000 + minor : major * 10_000 + minor * 100 + patch
}

/**
 * Checks what the server reported about itself at the login.
 * @throws WalrError WALR_UNSUPPORTED_SERVER when it is older than 13, or its integer_datetimes is not `on`.
 */
export function checkServer(parameters: ReadonlyMap<string, string>): {
  readonly serverVersion: string
  readonly serverVersionNumber: number
} {
  const serverVersion = parameters.get('server_version') ?? ''
  const serverVersionNumber = parseServerVersion(serverVersion)
  if (serverVersionNumber === undefined || serverVersionNumber < OLDEST) {
    throw new WalrError('WALR_UNSUPPORTED_SERVER', `incompatible server version "${serverVersion}"`, {
      hint: 'walr needs PostgreSQL 13 or newer.',
    })
  }
  const dateTimes = parameters.get('integer_datetimes')
  if (dateTimes !== 'on') {
    const message = `integer_datetimes is "${dateTimes ?? ''}" on the server, and has to be "on"`
    throw new WalrError('WALR_UNSUPPORTED_SERVER', message)
  }
  return { serverVersion, serverVersionNumber }
}
