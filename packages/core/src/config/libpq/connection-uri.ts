import { WalrError } from '../../errors/walr-error.ts'
import { isConnectionKeyword, isSecretKeyword, type ConnectionKeyword } from './connection-keywords.ts'

const PREFIX = /^postgres(?:ql)?:\/\//
const ENCODE_HINT = 'In a URI, write "@" in a user name or password as %40, "/" as %2F, ":" as %3A and "%" as %25.'

type Settings = Map<ConnectionKeyword, string>

/** Whether `text` is meant as a connection URI. */
export function isConnectionUri(text: string): boolean {
  return PREFIX.test(text)
}

/**
 * Reads a connection URI: `postgresql://user:password@host1:5433,[::1]/dbname?sslmode=require`.
 *
 * @throws WalrError WALR_CONNECTION_SETTING; the message never holds a password, nor what may be a part of one.
 * @see PostgreSQL manual, "Connection URIs"
 */
export function parseConnectionUri(text: string): ReadonlyMap<ConnectionKeyword, string> {
  const settings: Settings = new Map()
  const start = PREFIX.exec(text)?.[0].length ?? 0
  const authority = takeCredentials(text.slice(start), settings)
  const hostsAt = text.length - authority.length
  const { hosts, ports, end } = readHosts(authority, hostsAt)
  const rest = authority.slice(end)
  checkNotPassword(hosts, ports, rest)
  store(settings, 'host', hosts.join(','))
  store(settings, 'port', ports.join(','))
  const query = rest.indexOf('?')
  const path = query < 0 ? rest : rest.slice(0, query)
  store(settings, 'dbname', path.slice(1))
  if (query >= 0) readQuery(rest.slice(query + 1), settings)
  return settings
}

/** @returns what follows the `@`, or all when there is none. */
function takeCredentials(text: string, settings: Settings): string {
  const end = text.search(/[@/]/)
  if (end < 0 || text.charAt(end) !== '@') return text
  const credentials = text.slice(0, end)
  const colon = credentials.indexOf(':')
  store(settings, 'user', colon < 0 ? credentials : credentials.slice(0, colon))
  if (colon >= 0) store(settings, 'password', credentials.slice(colon + 1))
  return text.slice(end + 1)
}

/** Host and port lists, still encoded, and where they end: at `/`, `?` or the end of the text. */
function readHosts(text: string, offset: number): { hosts: string[]; ports: string[]; end: number } {
  const hosts: string[] = []
  const ports: string[] = []
  for (let position = 0; ; position++) {
    const [host, hostEnd] = text.startsWith('[', position)
      ? readBrackets(text, position, offset)
      : readUntil(text, position, /[:/?,]/)
    const [port, end] = text.charAt(hostEnd) === ':' ? readUntil(text, hostEnd + 1, /[/?,]/) : ['', hostEnd]
    hosts.push(host)
    ports.push(port)
    if (text.charAt(end) !== ',') return { hosts, ports, end }
    position = end
  }
}

function readUntil(text: string, start: number, stop: RegExp): [token: string, end: number] {
  const length = text.slice(start).search(stop)
  const end = length < 0 ? text.length : start + length
  return [text.slice(start, end), end]
}

function readBrackets(text: string, start: number, offset: number): [host: string, end: number] {
  const close = text.indexOf(']', start)
  if (close < 0) {
    throw failed('end of string reached when looking for matching "]" in IPv6 host address in URI')
  }
  if (close === start + 1) throw failed('IPv6 host address may not be empty in URI')
  const next = text.charAt(close + 1)
  if (next !== '' && !':/?,'.includes(next)) {
    const position = offset + close + 2
    throw failed(`unexpected character "${next}" at position ${position} in URI (expected ":" or "/")`)
  }
  return [text.slice(start + 1, close), close + 1]
}

/** A password with a bare `@` or `/` in it ends up in the host, the port or the path, from where messages would show it. */
function checkNotPassword(hosts: readonly string[], ports: readonly string[], rest: string): void {
  const strange = ports.some((port) => port !== '' && !/^(?:\d|%[0-9a-f]{2}|\s)+$/i.test(port))
  const suspect =
    hosts.some((host) => host.includes('@')) || (strange && (ports.join().includes('@') || rest.includes('@')))
  if (suspect) throw failed('unexpected "@" in URI', ENCODE_HINT)
}

function readQuery(query: string, settings: Settings): void {
  for (const parameter of query === '' ? [] : query.split('&')) {
    const parts = parameter.split('=')
    const [key = '', value] = parts
    if (value === undefined) throw failed(`missing key/value separator "=" in URI query parameter: "${key}"`)
    if (parts.length > 2) throw failed(`extra key/value separator "=" in URI query parameter: "${key}"`)
    const keyword = decode(key, key)
    // JDBC's spelling
    if (keyword === 'ssl' && value === 'true') settings.set('sslmode', 'require')
    else if (isConnectionKeyword(keyword)) settings.set(keyword, decode(value, keyword))
    else throw failed(`invalid URI query parameter: "${keyword}"`)
  }
}

function store(settings: Settings, keyword: ConnectionKeyword, encoded: string): void {
  if (encoded !== '') settings.set(keyword, decode(encoded, keyword))
}

function decode(text: string, keyword: string): string {
  const shown = isSecretKeyword(keyword) || keyword === 'user' ? `in the value of "${keyword}"` : `"${text}"`
  if (/%(?![0-9a-f]{2})/i.test(text)) throw failed(`invalid percent-encoded token: ${shown}`, ENCODE_HINT)
  if (text.includes('%00')) throw failed(`forbidden value %00 in percent-encoded value: ${shown}`)
  const bytes: number[] = []
  for (const [token] of text.matchAll(/%..|[^%]+/g)) {
    if (token.startsWith('%')) bytes.push(Number.parseInt(token.slice(1), 16))
    else bytes.push(...Buffer.from(token, 'utf8'))
  }
  return Buffer.from(bytes).toString('utf8')
}

function failed(message: string, hint?: string): WalrError {
  return new WalrError('WALR_CONNECTION_SETTING', message, { hint })
}
