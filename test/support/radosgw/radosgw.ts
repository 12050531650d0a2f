import { randomBytes, randomUUID } from 'node:crypto'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { S3Client, CreateBucketCommand } from '@aws-sdk/client-s3'
import { freePort } from '../free-port.ts'
import { makeScratch } from '../scratch.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { waitFor } from '../wait-for.ts'
import { cephConfiguration } from './ceph-configuration.ts'
import { runCephTool, startDaemon, type CephDaemon } from './ceph-daemon.ts'

/** Who asks. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** How {@link startRadosgw} starts it. */
export interface RadosgwOptions {
  /** Certificate and key, in PEM; with them it answers with TLS on a second port. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

/** What a user may store at most. */
export interface Quota {
  readonly maxBytes?: number
  readonly maxObjects?: number
}

/** A real S3 server: Ceph's object gateway over an object store in memory. */
export interface Radosgw extends S3Credentials, AsyncDisposable {
  /** `http://127.0.0.1:PORT`; path-style addresses only. */
  readonly endpoint: string
  /** `https://127.0.0.1:PORT` when there is a certificate. */
  readonly tlsEndpoint: string | undefined
  /** A client of the SDK, to prepare and to look at things past the code under test. The caller destroys it. */
  client(credentials?: S3Credentials): S3Client
  /** Makes a bucket of the first user, or of another one. Resolves to its name, a new one when none is given. */
  createBucket(options?: BucketOptions): Promise<string>
  /** Makes another user, who may not touch the first one's buckets. */
  createUser(name: string): Promise<S3Credentials>
  /** Limits a user made with {@link createUser}. */
  setUserQuota(name: string, quota: Quota): Promise<void>
  /** Ends it and removes all its data; idempotent. */
  stop(): Promise<void>
}

/** How a bucket is made. */
export interface BucketOptions {
  readonly name?: string
  readonly objectLock?: boolean
  readonly owner?: S3Credentials
}

/**
 * Starts it, in about a second and 130 MB, from Debian's packages `ceph-mon`, `ceph-osd` and `radosgw` as the
 * unprivileged user on free ports of 127.0.0.1. Nothing of it outlives this process.
 */
export async function startRadosgw(options: RadosgwOptions = {}): Promise<Radosgw> {
  const scratch = makeScratch('radosgw', 'server')
  const daemons: CephDaemon[] = []
  const stop = async (): Promise<void> => {
    for (const daemon of daemons.splice(0).reverse()) await daemon.stop()
    scratch.remove()
  }
  try {
    return await start(scratch.path, options, daemons, stop)
  } catch (cause) {
    const logs = daemons.map((daemon) => daemon.log().slice(-2000)).join('\n')
    await stop()
    throw new Error(`radosgw did not start; the ends of the logs:\n${logs}`, { cause })
  }
}

async function start(
  directory: string,
  { tls }: RadosgwOptions,
  daemons: CephDaemon[],
  stop: () => Promise<void>,
): Promise<Radosgw> {
  const [clusterId, osdId] = [randomUUID(), randomUUID()]
  const [monitorPort, gatewayPort, tlsPort] = [await freePort(), await freePort(), await freePort()]
  const write = (name: string, content: string): string => writeOwned(join(directory, name), content)
  const files = tls && { certificateFile: write('tls.crt', tls.certificate), keyFile: write('tls.key', tls.key) }
  const secure = files && { port: tlsPort, ...files }
  write('ceph.conf', cephConfiguration({ directory, clusterId, monitorPort, gatewayPort, tls: secure }))
  write('keyring', '')
  for (const part of ['mon', 'osd', 'rgw']) makeOwned(join(directory, part))

  const tool = (program: string, ...args: readonly string[]): Promise<string> => runCephTool(directory, program, args)
  await tool('monmaptool', '--create', '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, '--fsid', clusterId, 'monmap')
  await tool('ceph-mon', '--mkfs', '-i', 'a', '--monmap', 'monmap')
  daemons.push(startDaemon(directory, 'ceph-mon', ['-i', 'a']))
  await tool('ceph', 'osd', 'new', osdId)
  await tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osdId)
  daemons.push(startDaemon(directory, 'ceph-osd', ['-i', '0']))

  const createUser = async (name: string): Promise<S3Credentials> => {
    const user = { accessKeyId: `WALR${randomHex(8).toUpperCase()}`, secretAccessKey: randomHex(20) }
    const keys = [`--access-key=${user.accessKeyId}`, `--secret-key=${user.secretAccessKey}`]
    await tool('radosgw-admin', 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys)
    return user
  }
  const owner = await createUser('walr')
  const gateway = startDaemon(directory, 'radosgw', ['-n', 'client.rgw'])
  daemons.push(gateway)
  const endpoint = `http://127.0.0.1:${gatewayPort}`
  await untilAnswers(endpoint, gateway)

  const client = (credentials: S3Credentials = owner): S3Client =>
    new S3Client({ endpoint, credentials: plain(credentials), region: 'default', forcePathStyle: true })
  return {
    ...owner,
    endpoint,
    tlsEndpoint: secure && `https://127.0.0.1:${tlsPort}`,
    client,
    createUser,
    createBucket: async ({ name = `walr-${randomHex(6)}`, objectLock = false, owner: user = owner } = {}) => {
      const s3 = client(user)
      try {
        await s3.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: objectLock }))
      } finally {
        s3.destroy()
      }
      return name
    },
    setUserQuota: async (name, { maxBytes = -1, maxObjects = -1 }) => {
      const quota = ['quota', '--quota-scope=user', `--uid=${name}`]
      await tool('radosgw-admin', ...quota, 'set', `--max-size=${maxBytes}`, `--max-objects=${maxObjects}`)
      await tool('radosgw-admin', ...quota, 'enable')
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Only these two: what else an object with credentials has would confuse the SDK. */
function plain({ accessKeyId, secretAccessKey }: S3Credentials): S3Credentials {
  return { accessKeyId, secretAccessKey }
}

async function untilAnswers(endpoint: string, gateway: CephDaemon): Promise<void> {
  await waitFor(
    'radosgw answers',
    async () => {
      if (!gateway.isRunning) return 'ended'
      const response = await fetch(endpoint)
      await response.arrayBuffer()
      return response.ok
    },
    { deadlineMs: 60_000 },
  )
  if (!gateway.isRunning) throw new Error('radosgw has ended')
}

function writeOwned(path: string, content: string): string {
  writeFileSync(path, content, { mode: 0o600 })
  own(path)
  return path
}

function makeOwned(path: string): void {
  mkdirSync(path)
  own(path)
}

function own(path: string): void {
  const user = unprivilegedUser()
  if (user) chownSync(path, user.uid, user.gid)
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}
