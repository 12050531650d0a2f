import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { CertificateAuthority, readCertificate, type CertificateFiles } from './certificates.ts'
import { connectForTest, failureOf } from './connect-for-test.ts'
import { containing, matching } from './matchers.ts'

/** What the server may show. */
const SERVERS = {
  names: { commonName: 'ignored.test', subjectAltName: 'DNS:db.test,DNS:*.wild.test' },
  address: { commonName: 'db.test', subjectAltName: 'IP:127.0.0.1' },
  common: { commonName: 'db.test' },
  local: { commonName: 'x', subjectAltName: 'DNS:localhost' },
} as const

describe.each([13, 18] as const)('the certificate of PostgreSQL %d', (version) => {
  let scratch: Scratch
  let cluster: PostgresCluster
  let authority: CertificateAuthority
  let stranger: CertificateAuthority
  const issued = new Map<string, CertificateFiles>()

  beforeAll(async () => {
    scratch = makeScratch('tls')
    authority = await CertificateAuthority.create(scratch.path, 'root')
    stranger = await CertificateAuthority.create(scratch.path, 'stranger')
    for (const [name, subject] of Object.entries(SERVERS)) issued.set(name, await authority.issue(name, subject))
    cluster = await startCluster({
      version,
      start: false,
      settings: { ssl: 'on', ssl_cert_file: 's.crt', ssl_key_file: 's.key' },
    })
    show('local')
    await cluster.start()
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  function show(name: keyof typeof SERVERS): void {
    const files = issued.get(name)
    if (!files) throw new Error(name)
    cluster.writeFile('s.crt', readCertificate(files).certificate)
    cluster.writeFile('s.key', readCertificate(files).key)
  }

  async function serve(name: keyof typeof SERVERS): Promise<void> {
    show(name)
    await cluster.restart()
  }

  function writeEmpty(): string {
    const path = join(scratch.path, 'empty.crt')
    writeFileSync(path, '')
    return path
  }

  const to = (host: string, more: string): string =>
    `host=${host} hostaddr=127.0.0.1 port=${cluster.port} user=postgres ${more}`

  it('is not looked at without a root certificate, and needs one for verify-ca and verify-full', async () => {
    expect(await failureOf(to('db.test', 'sslmode=require'))).toBe('connected')
    for (const sslmode of ['verify-ca', 'verify-full']) {
      expect(await failureOf(to('localhost', `sslmode=${sslmode}`))).toMatchObject({
        code: 'WALR_TLS_FAILED',
        message: containing('root certificate file "/nonexistent/.postgresql/root.crt" does not exist'),
      })
    }
  })

  it('has to come from the root certificate', async () => {
    const own = `sslrootcert=${authority.root.certificate}`
    const other = `sslrootcert=${stranger.root.certificate}`
    for (const sslmode of ['require', 'verify-ca', 'verify-full']) {
      expect(await failureOf(to('localhost', `sslmode=${sslmode} ${own}`))).toBe('connected')
      expect(await failureOf(to('localhost', `sslmode=${sslmode} ${other}`))).toMatchObject({
        code: 'WALR_TLS_FAILED',
        message: containing('certificate verify failed'),
      })
    }
    expect(await failureOf(to('localhost', 'sslrootcert=system'))).toMatchObject({ code: 'WALR_TLS_FAILED' })
  })

  it('is not accepted on the word of a root file that holds no certificate, and prefer goes on without TLS', async () => {
    for (const sslrootcert of [writeEmpty(), '/etc/passwd']) {
      for (const sslmode of ['require', 'verify-ca', 'verify-full']) {
        expect(await failureOf(to('localhost', `sslmode=${sslmode} sslrootcert=${sslrootcert}`))).toMatchObject({
          code: 'WALR_TLS_FAILED',
          message: containing(`could not read root certificate file "${sslrootcert}": no certificate or crl found`),
        })
      }
      expect(await failureOf(to('localhost', `sslmode=prefer sslrootcert=${sslrootcert}`))).toBe('connected')
    }
  })

  it('makes sslmode=require strict when ~/.postgresql/root.crt is there', async () => {
    const home = join(scratch.path, 'home')
    mkdirSync(join(home, '.postgresql'), { recursive: true })
    copyFileSync(stranger.root.certificate, join(home, '.postgresql/root.crt'))
    const environment = { HOME: home }
    expect(await failureOf(to('db.test', 'sslmode=require'), { environment })).toMatchObject({
      code: 'WALR_TLS_FAILED',
    })
    copyFileSync(authority.root.certificate, join(home, '.postgresql/root.crt'))
    expect(await failureOf(to('db.test', 'sslmode=require'), { environment })).toBe('connected')
  })

  it.each([
    ['names', ['db.test', 'DB.test', 'a.wild.test'], ['wild.test', 'a.b.wild.test', 'ignored.test', '127.0.0.1']],
    ['address', ['127.0.0.1', 'db.test'], ['other.test', '127.0.0.2']],
    ['common', ['db.test'], ['other.test', '127.0.0.1']],
  ] as const)('with the names of "%s" is for %j and not for %j', async (name, right, wrong) => {
    await serve(name)
    const verify = (sslmode: string): string => `sslmode=${sslmode} sslrootcert=${authority.root.certificate}`
    for (const host of right)
      expect([host, await failureOf(to(host, verify('verify-full')))]).toEqual([host, 'connected'])
    for (const host of wrong) {
      expect(await failureOf(to(host, verify('verify-full')))).toMatchObject({
        code: 'WALR_TLS_FAILED',
        message: containing(`does not match host name "${host}"`),
      })
      expect([host, await failureOf(to(host, verify('verify-ca')))]).toEqual([host, 'connected'])
    }
  })

  it('may not be on the revocation list', async () => {
    await serve('local')
    const base = `sslmode=verify-full sslrootcert=${authority.root.certificate}`
    const none = await authority.revoke()
    expect(await failureOf(to('localhost', `${base} sslcrl=${none}`))).toBe('connected')
    const list = await authority.revoke(issued.get('local')?.certificate ?? '')
    expect(await failureOf(to('localhost', `${base} sslcrl=${list}`))).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing('certificate revoked'),
    })
    expect(await failureOf(to('localhost', base))).toBe('connected')
  })

  it('is seen within the versions of TLS that are allowed', async () => {
    const between = (least: string, most: string): string =>
      `sslmode=require ssl_min_protocol_version=${least} ssl_max_protocol_version=${most}`
    expect(await failureOf(to('localhost', between('TLSv1.2', 'TLSv1.2')))).toBe('connected')
    expect(await failureOf(to('localhost', between('TLSv1.3', 'TLSv1.3')))).toBe('connected')
    cluster.configure({ ssl_max_protocol_version: 'TLSv1.2' })
    await cluster.restart()
    expect(await failureOf(to('localhost', between('TLSv1.3', 'TLSv1.3')))).toMatchObject({ code: 'WALR_TLS_FAILED' })
    cluster.configure({ ssl_max_protocol_version: '' })
    await cluster.restart()
  })

  it('is reached by direct negotiation where the server has it', async () => {
    const direct = `sslnegotiation=direct sslmode=verify-full sslrootcert=${authority.root.certificate}`
    const failure = await failureOf(to('localhost', direct))
    if (version >= 17) expect(failure).toBe('connected')
    else expect(failure).toMatchObject({ code: matching(/^WALR_(TLS|CONNECT)_FAILED$/) })
  })

  it('is not there when TLS is off: require fails, prefer and allow go on without', async () => {
    await using plain = await startCluster({ version })
    const at = (sslmode: string): string => plain.conninfo({ sslmode })
    expect(await failureOf(at('require'))).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing('server does not support SSL, but SSL was required'),
    })
    expect(await failureOf(at('prefer'))).toBe('connected')
    expect(await failureOf(at('allow'))).toBe('connected')
  })

  it('does not stop prefer from going on without TLS', async () => {
    await using connection = await connectForTest(
      to('localhost', `sslmode=prefer sslrootcert=${stranger.root.certificate} application_name=fallback`),
    )
    await connection.query('IDENTIFY_SYSTEM')
    const rows = await cluster.exec(
      "select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'fallback'",
    )
    expect(rows).toEqual([{ ssl: false }])
  })
})
