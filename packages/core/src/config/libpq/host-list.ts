import { existsSync } from 'node:fs'
import type { RawSettings } from './raw-settings.ts'

const DEFAULT_PORT = 5432
const SOCKET_DIRECTORIES = ['/var/run/postgresql', '/tmp']
/** sizeof(sun_path) - 1 on Linux */
const MAX_SOCKET_PATH = 107

/** A server as the settings name it. */
export interface ListedHost {
  readonly host: string
  readonly hostAddress: string | undefined
  readonly port: number
  readonly socketPath: string | undefined
  /** What stands for this host in a password file. */
  readonly passwordHost: string
}

/**
 * The hosts of `host`, `hostaddr` and `port`, each a list with commas.
 * @param socketExists tells whether there is a file of this name; decides what an absent host means.
 * @throws WalrError WALR_CONNECTION_SETTING when the lists do not fit each other, or a port is none.
 */
export function listHosts(
  settings: RawSettings,
  socketExists: (path: string) => boolean = existsSync,
): readonly ListedHost[] {
  const addresses = list(settings.text('hostaddr'))
  const names = list(settings.text('host'))
  if (addresses.length > 0 && names.length > 0 && names.length !== addresses.length) {
    const message = `could not match ${names.length} host names to ${addresses.length} hostaddr values`
    throw settings.invalid('host', message)
  }
  const count = Math.max(names.length, addresses.length, 1)
  const ports = portList(settings, count)
  return Array.from({ length: count }, (_, index) => {
    const host = { name: names[index] ?? '', address: addresses[index] ?? '', port: ports[index] ?? DEFAULT_PORT }
    return resolveHost(settings, host, socketExists)
  })
}

function list(text: string | undefined): readonly string[] {
  return text?.split(',') ?? []
}

function portList(settings: RawSettings, count: number): readonly number[] {
  const ports = list(settings.text('port')).map((port) => parsePort(settings, port))
  const [only = DEFAULT_PORT] = ports
  if (ports.length <= 1) return Array.from({ length: count }, () => only)
  if (ports.length === count) return ports
  throw settings.invalid('port', `could not match ${ports.length} port numbers to ${count} hosts`)
}

function parsePort(settings: RawSettings, text: string): number {
  if (text === '') return DEFAULT_PORT
  const port = /^\s*\+?\d+\s*$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw settings.invalid('port', `invalid port number: "${text}"`)
  return port
}

function resolveHost(
  settings: RawSettings,
  { name, address, port }: { readonly name: string; readonly address: string; readonly port: number },
  socketExists: (path: string) => boolean,
): ListedHost {
  if (address !== '') {
    const host = name === '' ? address : name
    return { host, hostAddress: address, port, socketPath: undefined, passwordHost: host }
  }
  const directory = name === '' ? SOCKET_DIRECTORIES.find((path) => socketExists(socketPath(path, port))) : name
  if (directory === undefined) {
    return { host: 'localhost', hostAddress: undefined, port, socketPath: undefined, passwordHost: 'localhost' }
  }
  if (!directory.startsWith('/') && !directory.startsWith('@')) {
    return { host: name, hostAddress: undefined, port, socketPath: undefined, passwordHost: name }
  }
  const path = socketPath(directory, port)
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    const message = `Unix-domain socket path "${path}" is too long (maximum ${MAX_SOCKET_PATH} bytes)`
    throw settings.invalid('host', message)
  }
  const isDefault = name === '' || directory === SOCKET_DIRECTORIES[0]
  const passwordHost = isDefault ? 'localhost' : directory
  return { host: directory, hostAddress: undefined, port, socketPath: path, passwordHost }
}

function socketPath(directory: string, port: number): string {
  return `${directory}/.s.PGSQL.${port}`
}
