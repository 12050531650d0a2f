import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConnectionSettings } from './connection-settings.ts'
import { resolveConnectionSettings, type ConnectionSettingsInput } from './resolve-connection-settings.ts'

let home = ''
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'walr-settings-'))))
afterEach(() => rmSync(home, { recursive: true }))

function resolve(
  options: Partial<ConnectionSettingsInput['options']> = {},
  environment: NodeJS.ProcessEnv = {},
): Promise<ConnectionSettings> {
  return resolveConnectionSettings({
    options: { prompt: 'when-asked', ...options },
    environment: { HOME: home, PGSYSCONFDIR: home, ...environment },
    fallbackApplicationName: 'walr',
  })
}

function putFile(name: string, content: string, mode = 0o600): string {
  const path = join(home, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe('where a value comes from', () => {
  const everywhere: NodeJS.ProcessEnv = {
    PGHOST: 'env',
    PGPORT: '3',
    PGUSER: 'env',
    PGAPPNAME: 'env',
    PGSERVICE: 'main',
  }

  it('options go before the connection string, that before the service, that before the environment', async () => {
    putFile('.pg_service.conf', '[main]\nhost=service\nport=2\nuser=service\n')
    const read = async (options: Partial<ConnectionSettingsInput['options']>): Promise<string> => {
      const { hosts, user, applicationName } = await resolve(options, everywhere)
      return [hosts[0]?.host, hosts[0]?.port, user, applicationName].join(' ')
    }
    expect(await read({})).toBe('service 2 service env')
    expect(await read({ connectionString: 'host=string user=string' })).toBe('string 2 string env')
    expect(await read({ connectionString: 'host=string user=string', host: 'option', port: '1' })).toBe(
      'option 1 string env',
    )
    expect(await read({ connectionString: 'application_name=mine', user: 'option' })).toBe('service 2 option mine')
  })

  it('takes empty values of options and connection string for absent', async () => {
    const { hosts } = await resolve({ host: '', connectionString: "host='' port=''" }, { PGHOST: 'env', PGPORT: '7' })
    expect(hosts).toMatchObject([{ host: 'env', port: 7 }])
  })

  it('falls back to the system’s user, and to the name that the caller gives', async () => {
    expect(await resolve()).toMatchObject({
      user: userInfo().username,
      applicationName: 'walr',
      databaseName: undefined,
      connectTimeoutMs: 0,
      targetSessionAttrs: 'any',
      channelBinding: 'prefer',
      requireAuth: undefined,
      tls: { mode: 'prefer', negotiation: 'postgres', minProtocolVersion: 'TLSv1.2', serverNameIndication: true },
    })
  })

  it('refuses the bare name of a database, and ignores PGDATABASE', async () => {
    await expect(resolve({ connectionString: 'postgres' })).rejects.toMatchObject({
      code: 'WALR_CONNECTION_SETTING',
      message: 'missing "=" after "postgres" in connection info string',
      hint:
        'A connection string is made of keyword=value pairs, such as "host=db dbname=postgres", or is a URI that begins ' +
        'with postgresql://.',
    })
    expect(await resolve({ connectionString: 'dbname=app' }, { PGDATABASE: 'env' })).toMatchObject({
      databaseName: 'app',
    })
    expect(await resolve({}, { PGDATABASE: 'env' })).toMatchObject({ databaseName: undefined })
  })

  it.each([
    [{ port: 'abc' }, {}, 'invalid port number: "abc" (from option -p/--port)'],
    [{ connectionString: 'port=abc' }, {}, 'invalid port number: "abc" (from connection string)'],
    [{}, { PGPORT: 'abc' }, 'invalid port number: "abc" (from environment variable PGPORT)'],
    [{}, { PGSSLMODE: 'maybe' }, 'invalid sslmode value: "maybe" (from environment variable PGSSLMODE)'],
    [{}, { PGSSLMODE: '' }, 'invalid sslmode value: "" (from environment variable PGSSLMODE)'],
    [
      {},
      { PGCONNECT_TIMEOUT: '1s' },
      'invalid integer value "1s" for connection option "connect_timeout" (from environment variable PGCONNECT_TIMEOUT)',
    ],
    [
      { connectionString: 'target_session_attrs=master' },
      {},
      'invalid target_session_attrs value: "master" (from connection string)',
    ],
    [{ connectionString: 'channel_binding=yes' }, {}, 'invalid channel_binding value: "yes" (from connection string)'],
  ])('says so when it is wrong: %j %j', async (options, environment, message) => {
    await expect(resolve(options, environment)).rejects.toMatchObject({ code: 'WALR_CONNECTION_SETTING', message })
  })

  it('names service and file of a wrong value', async () => {
    const file = putFile('.pg_service.conf', '[main]\nport=abc\n')
    await expect(resolve({ connectionString: 'service=main' })).rejects.toMatchObject({
      message: `invalid port number: "abc" (from service "main" in file "${file}")`,
    })
  })
})

describe('TLS settings', () => {
  it.each([
    [{ PGREQUIRESSL: '1' }, '', 'require'],
    [{ PGREQUIRESSL: '1', PGSSLMODE: 'disable' }, '', 'disable'],
    [{ PGREQUIRESSL: '0' }, '', 'prefer'],
    [{}, 'requiressl=1', 'require'],
    [{ PGSSLMODE: 'verify-ca' }, 'requiressl=0', 'prefer'],
    [{ PGSSLROOTCERT: 'system' }, '', 'verify-full'],
  ])('%j and %j give sslmode %s', async (environment, connectionString, mode) => {
    expect((await resolve({ connectionString }, environment)).tls.mode).toBe(mode)
  })

  it.each([
    [
      'sslrootcert=system sslmode=require',
      'weak sslmode "require" may not be used with sslrootcert=system (use "verify-full")',
    ],
    [
      'sslnegotiation=direct sslmode=prefer',
      'weak sslmode "prefer" may not be used with sslnegotiation=direct (use "require", "verify-ca", or "verify-full")',
    ],
    [
      'ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=tlsv1.2',
      'invalid SSL protocol version range: TLSv1.3 to TLSv1.2',
    ],
    ['ssl_min_protocol_version=SSLv3', 'invalid ssl_min_protocol_version value: "SSLv3"'],
  ])('%j is refused', async (connectionString, message) => {
    await expect(resolve({ connectionString })).rejects.toMatchObject({
      code: 'WALR_CONNECTION_SETTING',
      message: `${message} (from connection string)`,
    })
  })
})

describe('what walr cannot do', () => {
  it.each([
    'gssencmode=require',
    'sslcertmode=require',
    'scram_client_key=abc',
    'sslkeylogfile=/x',
    'min_protocol_version=3.2',
    'host=/run requirepeer=postgres',
  ])('%j is refused, since it demands something', async (connectionString) => {
    await expect(resolve({ connectionString })).rejects.toMatchObject({ code: 'WALR_CONNECTION_SETTING' })
  })

  it('accepts what demands nothing', async () => {
    const connectionString =
      'gssencmode=prefer krbsrvname=x gsslib=gssapi gssdelegation=1 sslcompression=1 host=db requirepeer=postgres ' +
      'replication=database max_protocol_version=latest oauth_issuer=x tty=x authtype=x keepalives_count=3'
    await expect(resolve({ connectionString })).resolves.toMatchObject({ hosts: [{ host: 'db' }] })
  })
})

describe('numbers', () => {
  it('become milliseconds', async () => {
    const connectionString = 'connect_timeout=3 keepalives_idle=30 tcp_user_timeout=1500'
    expect(await resolve({ connectionString })).toMatchObject({
      connectTimeoutMs: 3000,
      keepalives: { enabled: true, idleMs: 30_000 },
      tcpUserTimeoutMs: 1500,
    })
  })

  it('below zero are no limit', async () => {
    expect(await resolve({ connectionString: 'connect_timeout=-1 keepalives=0' })).toMatchObject({
      connectTimeoutMs: 0,
      keepalives: { enabled: false },
    })
  })
})

describe('passwords', () => {
  const read = async (options: object, environment: NodeJS.ProcessEnv = {}): Promise<unknown> =>
    (await resolve(options, environment)).hosts.map(({ password, passwordSource }) => [password, passwordSource])

  it('come from the connection string, PGPASSWORD or .pgpass, in this order', async () => {
    const file = putFile('.pgpass', 'db:5432:replication:joe:from file\n')
    const base = 'host=db user=joe'
    expect(await read({ connectionString: base })).toEqual([['from file', `file "${file}"`]])
    expect(await read({ connectionString: base }, { PGPASSWORD: 'from env' })).toEqual([
      ['from env', 'environment variable PGPASSWORD'],
    ])
    expect(await read({ connectionString: `${base} password=given` }, { PGPASSWORD: 'from env' })).toEqual([
      ['given', 'connection string'],
    ])
  })

  it('are looked up for each host', async () => {
    const passfile = putFile('pass', 'a:1:*:*:one\nb:2:replication:*:two\n10.0.0.9:*:*:*:nine\n')
    expect(await read({ connectionString: 'host=a,b,c port=1,2,3' }, { PGPASSFILE: passfile })).toEqual([
      ['one', `file "${passfile}"`],
      ['two', `file "${passfile}"`],
      [undefined, undefined],
    ])
    expect(await read({ connectionString: `hostaddr=10.0.0.9 passfile=${passfile}` })).toEqual([
      ['nine', `file "${passfile}"`],
    ])
  })

  it('do not come from a file that others can read, and the settings say so', async () => {
    const passfile = putFile('pass', '*:*:*:*:one\n', 0o644)
    const warning = `password file "${passfile}" has group or world access; permissions should be u=rw (0600) or less`
    const logged: string[] = []
    const settings = await resolveConnectionSettings({
      options: { prompt: 'never', host: 'db' },
      environment: { HOME: home, PGSYSCONFDIR: home, PGPASSFILE: passfile },
      fallbackApplicationName: 'walr',
      logger: { warning: (message) => void logged.push(message) },
    })
    expect(settings).toMatchObject({ passwordFileWarning: warning, hosts: [{ passwordSource: undefined }] })
    expect(logged).toEqual([warning])
    expect(await resolve({ connectionString: `passfile=${passfile} password=given` })).toMatchObject({
      passwordFileWarning: undefined,
    })
  })

  it('match the database replication, or the one that was given', async () => {
    putFile('.pgpass', '*:*:app:*:of app\n*:*:replication:*:of replication\n')
    expect(await read({ connectionString: 'host=db' })).toEqual([['of replication', expect.any(String)]])
    expect(await read({ connectionString: 'host=db dbname=app' })).toEqual([['of app', expect.any(String)]])
    expect(await read({ connectionString: 'host=db dbname=else' })).toEqual([['of replication', expect.any(String)]])
  })

  it('are in no inspection, JSON or message of the settings', async () => {
    putFile('.pgpass', 'b:*:*:*:sesame-file\n')
    const all = [
      await resolve({ connectionString: 'postgresql://joe:sesame@a/?sslpassword=sesame' }),
      await resolve({ host: 'a,b' }),
    ]
    for (const settings of all) {
      for (const shown of [
        inspect(settings, { depth: 9 }),
        inspect(settings, { depth: 9, showHidden: true }),
        JSON.stringify(settings),
      ]) {
        expect(shown).toContain('passwordSource')
        expect(shown).not.toContain('sesame')
      }
    }
    expect(all[0]?.hosts[0]?.password).toBe('sesame')
    expect(all[0]?.tls.keyPassphrase).toBe('sesame')
    expect(all[1]?.hosts[1]?.password).toBe('sesame-file')
  })
})

describe('several hosts', () => {
  it('are shuffled when load is to be balanced, and complete', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const orders = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const { hosts } = await resolve({ connectionString: `host=${names.join()} load_balance_hosts=random` })
      orders.add(hosts.map(({ host }) => host).join())
      expect(hosts.map(({ host }) => host).sort()).toEqual(names)
    }
    expect(orders.size).toBeGreaterThan(1)
  })
})
