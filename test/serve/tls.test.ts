import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWalServer } from '../../packages/core/src/http/wal-server.ts'
import { MadeUpSource, supplyOf } from '../../packages/core/src/http/wal-supply.fixture.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { RecordingLogger } from '../../packages/core/src/wal/recording.fixture.ts'
import { CertificateAuthority, type CertificateFiles } from '../connection/certificates.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { segmentName, ServedPlace } from './served-place.ts'

let scratch: Scratch
let authority: CertificateAuthority
let stranger: CertificateAuthority
let server: CertificateFiles
let elsewhere: CertificateFiles
let client: CertificateFiles
let impostor: CertificateFiles
beforeAll(async () => {
  scratch = makeScratch('serve-tls')
  ;[authority, stranger] = await Promise.all([
    CertificateAuthority.create(scratch.path, 'authority'),
    CertificateAuthority.create(scratch.path, 'stranger'),
  ])
  server = await authority.issue('server', { commonName: 'walr', subjectAltName: 'IP:127.0.0.1' })
  elsewhere = await authority.issue('elsewhere', { commonName: 'other', subjectAltName: 'DNS:other.example' })
  client = await authority.issue('client', { commonName: 'standby' })
  impostor = await stranger.issue('impostor', { commonName: 'standby' })
})
afterAll(() => scratch[Symbol.asyncDispose]())

describe('walr serve with TLS', () => {
  it('gives WAL to who trusts its authority, and is refused by others', async () => {
    await using place = new ServedPlace()
    place.archiveSegment(1)
    place.configure({ certFile: server.certificate, keyFile: server.key })
    await place.serve()
    expect(place.url).toMatch(/^https:/)
    const trusting = ['--serve-ca', authority.root.certificate]
    expect(await place.restore(segmentName(1), trusting)).toMatchObject({ exitCode: 0 })
    expect(readFileSync(place.target).equals(place.segment(1))).toBe(true)
    rmSync(place.target)
    expect(await place.restore(segmentName(2), trusting)).toMatchObject({ exitCode: 1 })
    for (const args of [[], ['--serve-ca', stranger.root.certificate]]) {
      const refused = await place.restore(segmentName(1), [...args, '-v'])
      expect(refused).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('WALR_SERVE_REFUSED') as string })
    }
    // Plain HTTP to a port with TLS is an error, and not "absent".
    const plain = ['--serve-addr', place.url.replace('https:', 'http:')]
    expect(await place.restore(segmentName(1), plain)).toMatchObject({ exitCode: 255 })
    expect(existsSync(place.target)).toBe(false)
  })

  it('of another name is refused', async () => {
    await using place = new ServedPlace()
    place.archiveSegment(1)
    place.configure({ certFile: elsewhere.certificate, keyFile: elsewhere.key })
    await place.serve()
    const refused = await place.restore(segmentName(1), ['--serve-ca', authority.root.certificate, '-v'])
    expect(refused).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('WALR_SERVE_REFUSED') as string })
  })

  it('takes renewed certificates while it runs, and none that cannot be used', async () => {
    const certFile = join(scratch.path, 'renewed.crt')
    const keyFile = join(scratch.path, 'renewed.key')
    copyFileSync(server.certificate, certFile)
    copyFileSync(server.key, keyFile)
    const log = new RecordingLogger()
    const files = { certFile, keyFile, clientCaFile: undefined }
    const settings = { listen: '127.0.0.1:0', token: undefined, ...files, maxDownloads: 1 }
    const supply = supplyOf(new MadeUpSource(), log)
    const running = await startWalServer({ settings, supply, disk: nodeDisk, logger: log, renewalMs: 20 })
    try {
      expect(await nameOf(running.address)).toBe('walr')
      copyFileSync(elsewhere.certificate, certFile)
      await waitFor('the mismatch is told', () => log.text.includes('is not that of the certificate'))
      expect(await nameOf(running.address)).toBe('walr')
      copyFileSync(elsewhere.key, keyFile)
      await waitFor('they are renewed', () => log.text.includes('were renewed'))
      expect(await nameOf(running.address)).toBe('other')
    } finally {
      await running.stop(0)
    }
  })
})

describe('walr serve with client certificates', () => {
  let place: ServedPlace
  beforeAll(async () => {
    place = new ServedPlace()
    place.archiveSegment(1)
    const files = { certFile: server.certificate, keyFile: server.key, clientCaFile: authority.root.certificate }
    place.configure(files)
    await place.serve()
  })
  afterAll(() => place[Symbol.asyncDispose]())

  it('gives WAL to who has one of its authority, and to nobody else', async () => {
    const ca = ['--serve-ca', authority.root.certificate]
    const as = ({ certificate, key }: CertificateFiles): string[] => ['--serve-cert', certificate, '--serve-key', key]
    expect(await place.restore(segmentName(1), [...ca, ...as(client)])).toMatchObject({ exitCode: 0 })
    rmSync(place.target)
    for (const args of [ca, [...ca, ...as(impostor)]]) {
      const refused = await place.restore(segmentName(1), [...args, '-v'])
      expect(refused).toMatchObject({ exitCode: 255, stderr: expect.stringContaining('WALR_SERVE_REFUSED') as string })
    }
    expect(existsSync(place.target)).toBe(false)
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is not deceived by a session that is resumed: %s', async (version) => {
    for (const [files, status] of [
      [undefined, 403],
      [impostor, 403],
      [client, 200],
    ] as const) {
      const bare = { ca: readFileSync(authority.root.certificate), minVersion: version, maxVersion: version }
      const identity = files ? { cert: readFileSync(files.certificate), key: readFileSync(files.key) } : {}
      const options = { ...bare, ...identity }
      const first = await statusOver(options)
      expect(first.status).toBe(status)
      const again = await statusOver({ ...options, session: first.session })
      expect(again.status).toBe(status)
      // The session of another connection, with no certificate at all.
      if (status === 403) expect((await statusOver({ ...bare, session: first.session })).status).toBe(403)
    }
  })

  it('tells its health to everybody', async () => {
    const [response] = await ask(place.url, '/healthz', { ca: readFileSync(authority.root.certificate) })
    expect(response.statusCode).toBe(200)
  })

  async function statusOver(options: ConnectionOptions): Promise<{ status: number; session: Buffer | undefined }> {
    const [response, session] = await ask(place.url, `/v1/wal/${segmentName(1)}`, options)
    return { status: response.statusCode ?? 0, session }
  }
})

async function ask(url: string, path: string, tls: RequestOptions): Promise<[IncomingMessage, Buffer | undefined]> {
  const { port } = new URL(url)
  let session: Buffer | undefined
  const outgoing = request({ host: '127.0.0.1', port, path, agent: false, ...tls })
  outgoing.on('socket', (socket) => socket.on('session', (made: Buffer) => (session = made)))
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return [response, session]
}

async function nameOf(address: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(address).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}
