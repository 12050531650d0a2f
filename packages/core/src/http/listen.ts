import { basename, dirname } from 'node:path'
import { request as httpRequest, type Server } from 'node:http'
import type { ListenAddress } from '../config/listen-address.ts'
import type { Disk, DiskEntry } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'

export interface ListenOptions {
  readonly server: Server
  readonly address: ListenAddress
  readonly scheme: 'http' | 'https'
  readonly disk: Disk
}

/**
 * Makes a server listen.
 * @returns the address as clients write it.
 * @throws WalrError WALR_HTTP_LISTEN
 */
export async function listen(options: ListenOptions): Promise<string> {
  const { server, address, scheme, disk } = options
  try {
    await bind(server, address)
  } catch (error) {
    const isStale =
      address.kind === 'unix' && isSystemError(error, 'EADDRINUSE') && (await isLeftBehind(disk, address.path))
    if (!isStale) throw await notListening(address, error, disk)
    // A walr that was killed has left its socket there.
    await disk.remove(address.path)
    await bind(server, address).catch(async (cause: unknown) => {
      throw await notListening(address, cause, disk)
    })
  }
  const bound = server.address()
  if (address.kind === 'unix' || bound === null || typeof bound === 'string') return addressText(address)
  return `${scheme}://${hostText(address.host)}:${bound.port}`
}

function bind(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      server.off('error', done)
      server.off('listening', done)
      if (error) reject(error)
      else resolve()
    }
    server.once('error', done)
    server.once('listening', done)
    if (address.kind === 'unix') server.listen({ path: address.path })
    else server.listen({ host: address.host, port: address.port })
  })
}

/** Whether it is a socket, and certainly nobody listens there. Connecting to a file is refused as well. */
async function isLeftBehind(disk: Disk, path: string): Promise<boolean> {
  return (await kindOf(disk, path)) === 'other' && (await isDead(path))
}

/** A socket is `other`; undefined when there is nothing, or nobody knows. */
async function kindOf(disk: Disk, path: string): Promise<DiskEntry['kind'] | undefined> {
  const entries = await disk.list(dirname(path)).catch(() => [])
  return entries.find(({ name }) => name === basename(path))?.kind
}

function isDead(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = httpRequest({ socketPath, path: '/healthz', agent: false })
    request.on('response', (response) => {
      response.destroy()
      resolve(false)
    })
    request.on('error', (error) => resolve(isSystemError(error, 'ECONNREFUSED')))
    request.on('close', () => resolve(false))
    request.end()
  })
}

async function notListening(address: ListenAddress, cause: unknown, disk: Disk): Promise<WalrError> {
  const { reason, hint } = await whyNot(address, cause, disk)
  const text = `could not listen on ${addressText(address)}: ${reason ?? systemErrorText(cause)}`
  return new WalrError('WALR_HTTP_LISTEN', text, { hint, cause })
}

/** Node says that permission is denied when the folder of a socket is not there. */
async function whyNot(
  address: ListenAddress,
  cause: unknown,
  disk: Disk,
): Promise<{ readonly reason?: string; readonly hint?: string }> {
  const isInUse = isSystemError(cause, 'EADDRINUSE')
  if (address.kind === 'unix') {
    const folder = dirname(address.path)
    const failure: unknown = await disk.list(folder).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (isSystemError(failure, 'ENOENT', 'ENOTDIR')) {
      return {
        reason: `there is no folder "${folder}"`,
        hint: 'Make it, writable for this user, or choose another one.',
      }
    }
    const kind = isInUse ? await kindOf(disk, address.path) : undefined
    if (kind === 'file' || kind === 'directory') {
      return { reason: 'something that is no socket is there', hint: 'Choose another path, or move that away.' }
    }
  }
  return isInUse ? { hint: 'Another program listens there. Choose another address.' } : {}
}

function addressText(address: ListenAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${hostText(address.host)}:${address.port}`
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
