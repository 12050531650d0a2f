import { chmodSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { CertificateAuthority, readCertificate, type CertificateFiles } from './certificates.ts'
import { connectForTest, failureOf } from './connect-for-test.ts'
import { containing, matching } from './matchers.ts'

const PASSWORD = "p@ss:wörd \\'"
const HBA = [
  'hostssl replication cert_user all cert',
  'hostssl replication tls_only all scram-sha-256',
  'hostnossl replication plain_only all scram-sha-256',
  'host replication trust_user all trust',
  'host replication password_user all password',
  'host replication md5_user all md5',
  'host replication scram_user all scram-sha-256',
  'host replication ordinary_user all trust',
  `local replication ${userInfo().username} peer`,
  'host all all all reject',
]

describe.each([13, 14, 15, 16, 17, 18] as const)('PostgreSQL %d', (version) => {
  let scratch: Scratch
  let cluster: PostgresCluster
  let authority: CertificateAuthority
  let stranger: CertificateAuthority
  let client: CertificateFiles
  let place = ''
  const pw = PASSWORD.replace(/['\\]/g, '\\$&')

  beforeAll(async () => {
    scratch = makeScratch('auth')
    authority = await CertificateAuthority.create(scratch.path, 'root')
    stranger = await CertificateAuthority.create(scratch.path, 'stranger')
    const server = await authority.issue('server', { commonName: 'x', subjectAltName: 'DNS:localhost,IP:127.0.0.1' })
    client = await authority.issue('client', { commonName: 'cert_user' })
    cluster = await startCluster({
      version,
      hba: HBA,
      start: false,
      settings: { ssl: 'on', ssl_cert_file: 's.crt', ssl_key_file: 's.key', ssl_ca_file: 'root.crt' },
    })
    cluster.writeFile('s.crt', readCertificate(server).certificate)
    cluster.writeFile('s.key', readCertificate(server).key)
    cluster.writeFile('root.crt', readCertificate(authority.root).certificate)
    await cluster.start()
    const sqlPassword = `'${PASSWORD.replaceAll("'", "''")}'`
    const os = `"${userInfo().username}"`
    await cluster.exec(`
      set password_encryption = 'md5';
      create role md5_user login replication password ${sqlPassword};
      set password_encryption = 'scram-sha-256';
      create role scram_user login replication password ${sqlPassword};
      create role password_user login replication password ${sqlPassword};
      create role tls_only login replication password ${sqlPassword};
      create role plain_only login replication password ${sqlPassword};
      create role trust_user login replication;
      create role cert_user login replication;
      create role ordinary_user login;
      create role ${os} login replication`)
    place = `host=localhost hostaddr=127.0.0.1 port=${cluster.port}`
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  async function encrypted(connectionString: string): Promise<boolean> {
    await using connection = await connectForTest(`${connectionString} application_name=look`)
    await connection.query('IDENTIFY_SYSTEM')
    const rows = await cluster.exec(
      `select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.application_name = 'look'
         and a.backend_start = (select max(backend_start) from pg_stat_activity where application_name = 'look')`,
    )
    return rows[0]?.['ssl'] === true
  }

  describe.each(['disable', 'require'])('with sslmode=%s', (sslmode) => {
    it.each(['trust_user', 'password_user', 'md5_user', 'scram_user'])('logs in as %s', async (user) => {
      const tls = sslmode === 'require'
      expect(await encrypted(`${place} user=${user} password='${pw}' sslmode=${sslmode}`)).toBe(tls)
    })

    it.each(['password_user', 'md5_user', 'scram_user'])('tells a wrong password of %s', async (user) => {
      const failure = await failureOf(`${place} user=${user} password=sesame sslmode=${sslmode}`)
      expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain('sesame')
      expect(failure).toMatchObject({
        code: 'WALR_AUTHENTICATION_FAILED',
        sqlState: '28P01',
        message:
          `connection to server at "localhost" (127.0.0.1), port ${cluster.port} failed: ` +
          `FATAL:  password authentication failed for user "${user}"`,
      })
    })

    it('tells that there is no password', async () => {
      expect(await failureOf(`${place} user=scram_user sslmode=${sslmode}`)).toMatchObject({
        code: 'WALR_AUTHENTICATION_FAILED',
        message: matching(/failed: fe_sendauth: no password supplied$/),
      })
    })
  })

  it('reports the server', async () => {
    await using connection = await connectForTest(`${place} user=trust_user`)
    expect(Math.floor(connection.serverVersionNumber / 10_000)).toBe(version)
    expect(connection.serverVersion.startsWith(`${version}.`)).toBe(true)
    expect(connection.peer).toBe(`host "localhost" (127.0.0.1), port ${cluster.port}`)
  })

  it('goes over a Unix socket, with peer authentication and whatever sslmode', async () => {
    const socket = `host=${cluster.socketDirectory} port=${cluster.port}`
    await using connection = await connectForTest(`${socket} sslmode=verify-full`)
    expect(await connection.query('SHOW server_version')).toHaveLength(1)
    expect(connection.peer).toBe(`socket "${cluster.socketDirectory}/.s.PGSQL.${cluster.port}"`)
  })

  it('binds SCRAM to the TLS channel when that is required, and only then fails without', async () => {
    const base = `${place} user=scram_user password='${pw}'`
    expect(await encrypted(`${base} sslmode=require channel_binding=require`)).toBe(true)
    expect(await encrypted(`${base} sslmode=require channel_binding=disable`)).toBe(true)
    expect(await failureOf(`${base} sslmode=disable channel_binding=require`)).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      message: matching(/channel binding required, but SSL not in use$/),
    })
    for (const user of ['md5_user', 'password_user', 'trust_user']) {
      const other = `${place} user=${user} password='${pw}' sslmode=require channel_binding=require`
      expect(await failureOf(other)).toMatchObject({
        code: 'WALR_AUTHENTICATION_FAILED',
        message: containing('channel binding required'),
      })
    }
  })

  it.each([
    ['scram-sha-256', 'scram_user', true],
    ['scram-sha-256', 'md5_user', false],
    ['scram-sha-256', 'password_user', false],
    ['scram-sha-256', 'trust_user', false],
    ['md5,none', 'md5_user', true],
    ['md5,none', 'trust_user', true],
    ['!password', 'password_user', false],
    ['!password', 'scram_user', true],
    ['!none', 'trust_user', false],
  ])('require_auth=%s lets %s in: %s', async (methods, user, allowed) => {
    const failure = await failureOf(`${place} user=${user} password='${pw}' require_auth=${methods}`)
    if (allowed) expect(failure).toBe('connected')
    else {
      expect(failure).toMatchObject({
        code: 'WALR_AUTHENTICATION_FAILED',
        message: containing('authentication method requirement'),
      })
    }
  })

  it('logs in with a client certificate, its key plain or encrypted', async () => {
    const base = `${place} user=cert_user sslmode=require sslcert=${client.certificate}`
    const encryptedKey = await authority.encryptKey(client.key, 'open')
    expect(await encrypted(`${base} sslkey=${client.key}`)).toBe(true)
    expect(await encrypted(`${base} sslkey=${encryptedKey} sslpassword=open`)).toBe(true)
    expect(await failureOf(`${base} sslkey=${encryptedKey} sslpassword=shut`)).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing(`could not load private key file "${encryptedKey}": bad decrypt`),
      hint: containing('sslpassword'),
    })
    const strange = await stranger.issue('strange', { commonName: 'cert_user' })
    const strangeFiles = `sslcert=${strange.certificate} sslkey=${strange.key}`
    expect(await failureOf(`${place} user=cert_user sslmode=require ${strangeFiles}`)).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing('SSL error: '),
    })
    expect(await failureOf(`${place} user=cert_user sslmode=require`)).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      sqlState: '28000',
    })
  })

  it('tries the other kind of connection when the server wants that: allow and prefer', async () => {
    const login = `password='${pw}'`
    expect(await encrypted(`${place} user=tls_only ${login} sslmode=allow`)).toBe(true)
    expect(await encrypted(`${place} user=tls_only ${login} sslmode=prefer`)).toBe(true)
    expect(await encrypted(`${place} user=plain_only ${login} sslmode=allow`)).toBe(false)
    expect(await encrypted(`${place} user=plain_only ${login} sslmode=prefer`)).toBe(false)
    expect(await failureOf(`${place} user=tls_only ${login} sslmode=disable`)).toMatchObject({ sqlState: '28000' })
    expect(await failureOf(`${place} user=plain_only ${login} sslmode=require`)).toMatchObject({ sqlState: '28000' })
  })

  it('says what is missing: no pg_hba.conf entry, no REPLICATION', async () => {
    expect(await failureOf(`${place} user=nobody sslmode=disable`)).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      sqlState: '28000',
      message: containing('no pg_hba.conf entry for replication connection from host'),
    })
    expect(await failureOf(`${place} user=ordinary_user`)).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      sqlState: '42501',
    })
  })

  it('asks for a password when the server does, once, and tells the caller', async () => {
    const asked: string[] = []
    const told: string[] = []
    await using connection = await connectForTest(`${place} user=scram_user`, {
      prompt: 'when-asked',
      askPassword: (prompt) => {
        asked.push(prompt)
        return Promise.resolve(PASSWORD)
      },
      onPassword: (password) => void told.push(password),
    })
    expect(asked).toEqual(['Password: '])
    expect(told).toEqual([PASSWORD])
    expect(connection.serverVersionNumber).toBeGreaterThan(130_000)
  })

  it('takes the password of the right line of .pgpass, and says when that one is wrong', async () => {
    const passfile = join(scratch.path, 'pgpass')
    const line = (password: string): string => password.replace(/[:\\]/g, '\\$&')
    writeFileSync(
      passfile,
      `localhost:${cluster.port}:postgres:*:wrong\nlocalhost:*:replication:scram_user:${line(PASSWORD)}\n*:*:*:*:wrong\n`,
    )
    chmodSync(passfile, 0o600)
    const environment = { PGPASSFILE: passfile }
    expect(await failureOf(`${place} user=scram_user`, { environment })).toBe('connected')
    expect(await failureOf(`${place} user=md5_user sslmode=disable`, { environment })).toMatchObject({
      sqlState: '28P01',
      hint: `The password was taken from file "${passfile}".`,
    })
    chmodSync(passfile, 0o644)
    const log: string[] = []
    expect(await failureOf(`${place} user=scram_user`, { environment, log })).toMatchObject({
      message: containing('no password supplied'),
    })
    expect(log).toEqual([
      `warning: password file "${passfile}" has group or world access; permissions should be u=rw (0600) or less`,
    ])
  })
})
