import { randomBytes } from 'node:crypto'
import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { startHttpFaultProxy, type HttpFaultProxy, type SeenRequest } from '../http-fault-proxy.ts'
import type { Radosgw } from '../radosgw/radosgw.ts'
import { mustRun } from '../run-program.ts'
import { makeScratch } from '../scratch.ts'
import { startSshFaultProxy, type SshFaultProxy } from '../sshd/ssh-fault-proxy.ts'
import type { Sshd } from '../sshd/sshd.ts'
import { makeOwnedFolder, own, writeOwned } from './owned-files.ts'
import { installReachablePlugins } from './reachable-plugins.ts'

export type PlaceKind = 'local' | 's3' | 'sftp'

/** What recovery reads from, and can lose. */
export interface Supply {
  takeAway(): Promise<void>
  bringBack(): Promise<void>
  /** Lets it go away in the middle of the bytes of this segment (or of another one); absent where that would be damage. */
  readonly cutIn?: (segment: string) => void
}

/** A storage with room for one archive. walr receives into it directly; recovery reads it through a line that can break. */
export interface ArchivePlace extends Supply, AsyncDisposable {
  readonly kind: PlaceKind
  /** A folder of the user that runs PostgreSQL, for what the configuration refers to. */
  readonly folder: string
  /** Folders below `packages/` that the configuration uses. */
  readonly plugins: readonly string[]
  /** `archive.storage`, for the one that writes and the one that reads. */
  readonly writer: Readonly<Record<string, unknown>>
  readonly reader: Readonly<Record<string, unknown>>
  /** `archive.codecs` */
  readonly codecs: readonly unknown[]
}

export interface LocalPlace extends ArchivePlace {
  /** Where the objects are. */
  readonly directory: string
  readonly keyFile: string
}

export interface S3Place extends ArchivePlace {
  readonly proxy: HttpFaultProxy
  readonly bucket: string
}

export interface SftpPlace extends ArchivePlace {
  readonly proxy: SshFaultProxy
}

/** A folder; zstd and, when that is asked for, encryption. */
export function makeLocalPlace({ encrypted = false } = {}): LocalPlace {
  const scratch = makeScratch('local', 'server')
  const directory = makeOwnedFolder(join(scratch.path, 'archive'))
  const keyFile = writeKeyFile(scratch.path)
  const plugins = encrypted ? ['plugin-crypto'] : []
  installReachablePlugins(scratch.path, plugins)
  const storage = { use: 'local', path: directory }
  return {
    kind: 'local',
    folder: scratch.path,
    plugins,
    writer: storage,
    reader: storage,
    codecs: encrypted ? ['zstd', { use: '@walr/plugin-crypto', keyFile }] : ['zstd'],
    directory,
    keyFile,
    takeAway: () => {
      renameSync(directory, `${directory}.away`)
      return Promise.resolve()
    },
    bringBack: () => {
      renameSync(`${directory}.away`, directory)
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  }
}

/** A bucket of its own behind a proxy; zstd and encryption. */
export async function makeS3Place(server: Radosgw): Promise<S3Place> {
  const scratch = makeScratch('s3', 'server')
  const plugins = ['plugin-s3', 'plugin-crypto']
  installReachablePlugins(scratch.path, plugins)
  const bucket = await server.createBucket()
  const proxy = await startHttpFaultProxy(server.endpoint)
  const { accessKeyId, secretAccessKey } = server
  const storage = { use: '@walr/plugin-s3', bucket, accessKeyId, secretAccessKey, prefix: 'pg' }
  const line = breakableLine(proxy)
  return {
    kind: 's3',
    folder: scratch.path,
    plugins,
    writer: { ...storage, endpoint: server.endpoint },
    reader: { ...storage, endpoint: proxy.endpoint },
    codecs: ['zstd', { use: '@walr/plugin-crypto', keyFile: writeKeyFile(scratch.path) }],
    proxy,
    bucket,
    ...line,
    [Symbol.asyncDispose]: async () => {
      await proxy.stop()
      scratch.remove()
    },
  }
}

/** A folder of the server's, behind a proxy; zstd. Taking it away stops the server, for all. */
export async function makeSftpPlace(server: Sshd): Promise<SftpPlace> {
  const scratch = makeScratch('sftp', 'server')
  const plugins = ['plugin-sftp']
  installReachablePlugins(scratch.path, plugins)
  const proxy = await startSshFaultProxy(server.port)
  const privateKeyFile = join(scratch.path, 'id')
  copyFileSync(server.userKey.path, privateKeyFile)
  own(privateKeyFile, 0o600)
  const storage = {
    use: '@walr/plugin-sftp',
    ...server.options,
    privateKeyFile,
    directory: server.makeFolder(),
    prefix: 'pg',
  }
  return {
    kind: 'sftp',
    folder: scratch.path,
    plugins,
    writer: storage,
    reader: { ...storage, port: proxy.port },
    codecs: ['zstd'],
    proxy,
    takeAway: () => server.stop(),
    bringBack: () => server.start(),
    cutIn: () => {
      const stop = (): boolean => {
        void server.stop()
        return true
      }
      proxy.inject({ direction: 'down', afterBytes: 300_000, action: 'reset', when: stop })
    },
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]()
      scratch.remove()
    },
  }
}

/** Resets every connection while the other side is away. The rules of the proxy must not be cleared. */
export function breakableLine(proxy: HttpFaultProxy): Required<Supply> {
  let isAway = false
  proxy.inject({ when: () => isAway, action: 'reset' })
  return {
    takeAway: () => {
      isAway = true
      return Promise.resolve()
    },
    bringBack: () => {
      isAway = false
      return Promise.resolve()
    },
    cutIn: (segment) => {
      const isIt = ({ method, path }: SeenRequest): boolean => {
        const found = method === 'GET' && new URL(path, proxy.endpoint).pathname.includes(segment)
        if (found) isAway = true
        return found
      }
      proxy.inject({ when: isIt, times: 1, action: 'short-body' })
    },
  }
}

/** A folder with the same objects and the same key. */
export async function copyLocalPlace(place: LocalPlace): Promise<LocalPlace> {
  const copy = makeLocalPlace({ encrypted: place.codecs.length > 1 })
  await mustRun('cp', ['-a', `${place.directory}/.`, copy.directory])
  copyFileSync(place.keyFile, copy.keyFile)
  return copy
}

/** Writes a key file with one new key. Returns its path. */
export function writeKeyFile(folder: string, name = 'walr.key'): string {
  return writeOwned(join(folder, name), `walr-key:${name.replaceAll('.', '-')}:${randomBytes(32).toString('base64')}\n`)
}
