import { WalrError } from '../errors/walr-error.ts'

/** Where a `walr serve` is. */
export interface ServeAddress {
  readonly secure: boolean
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** In front of `/v1/wal/`: empty, or with a slash at its start and none at its end. */
  readonly basePath: string
  /** For messages; holds no secret. */
  readonly text: string
}

const hint = 'Give it as "http://HOST:PORT" or "https://HOST:PORT".'

/**
 * Reads `--serve-addr`.
 * @throws WalrError WALR_USAGE, without the value where that may hold a password
 */
export function parseServeAddress(text: string): ServeAddress {
  const url = URL.parse(text)
  if (url !== null && (url.username !== '' || url.password !== '')) {
    throw new WalrError('WALR_USAGE', 'the address of walr serve must not hold a user or a password', {
      hint: 'Put the token into a file, and name that with --serve-token-file.',
    })
  }
  // What cannot be read may hold a password all the same.
  const shown = text.includes('@') ? '' : ` "${text}"`
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new WalrError('WALR_USAGE', `the address${shown} of walr serve is not an http or https URL`, { hint })
  }
  if (url.search !== '' || url.hash !== '') {
    throw new WalrError('WALR_USAGE', `the address${shown} of walr serve has a "?" or "#"`, { hint })
  }
  const secure = url.protocol === 'https:'
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
    text: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
  }
}
