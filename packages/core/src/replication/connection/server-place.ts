import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { HostSettings } from '../../config/libpq/connection-settings.ts'
import { shuffle } from '../../config/libpq/shuffle.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { TransportTarget } from './byte-transport.ts'
import { systemErrorCode } from './network-error.ts'

/** One address of one host. */
export interface ServerPlace {
  readonly host: HostSettings
  readonly target: TransportTarget
  /** `host "db" (10.0.0.7), port 5432` or `socket "/run/postgresql/.s.PGSQL.5432"` */
  readonly peer: string
  /** How libpq's messages begin: `connection to server at "db" (10.0.0.7), port 5432 failed: ` */
  readonly failurePrefix: string
}

/**
 * Every address of `host`, in the order in which they are tried.
 * @throws WalrError WALR_CONNECT_FAILED when its name has no address.
 */
export async function findPlaces(host: HostSettings, shuffled: boolean): Promise<readonly ServerPlace[]> {
  if (host.socketPath !== undefined) {
    const peer = `socket "${host.socketPath}"`
    const path = host.socketPath.startsWith('@') ? `\0${host.socketPath.slice(1)}` : host.socketPath
    return [{ host, target: { path }, peer, failurePrefix: `connection to server on ${peer} failed: ` }]
  }
  const addresses = await addressesOf(host)
  return (shuffled ? shuffle(addresses) : addresses).map((address) => {
    const where = `"${host.host}"${address === host.host ? '' : ` (${address})`}, port ${host.port}`
    return {
      host,
      target: { address, port: host.port },
      peer: `host ${where}`,
      failurePrefix: `connection to server at ${where} failed: `,
    }
  })
}

async function addressesOf({ host, hostAddress }: HostSettings): Promise<readonly string[]> {
  if (hostAddress !== undefined) {
    if (isIP(hostAddress) !== 0) return [hostAddress]
    throw new WalrError('WALR_CONNECTION_SETTING', `could not parse network address "${hostAddress}"`, {
      hint: 'hostaddr has to be an IPv4 or IPv6 address; names go into host.',
    })
  }
  if (isIP(host) !== 0) return [host]
  try {
    return (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)
  } catch (cause) {
    const temporary = systemErrorCode(cause) === 'EAI_AGAIN'
    const reason = temporary ? 'Temporary failure in name resolution' : 'Name or service not known'
    throw new WalrError('WALR_CONNECT_FAILED', `could not translate host name "${host}" to address: ${reason}`, {
      cause,
    })
  }
}
