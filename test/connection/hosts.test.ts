import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorResponse } from '../support/backend-messages.ts'
import { freePort } from '../support/free-port.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { connectForTest, failureOf } from './connect-for-test.ts'
import { answering, startFakeServer } from './fake-server.ts'
import { matching } from './matchers.ts'

describe('several hosts', () => {
  let cluster: PostgresCluster
  beforeAll(async () => {
    cluster = await startCluster({ version: 18 })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  it('are tried in order until one answers', async () => {
    const nobody = await freePort()
    const settings = `host=127.0.0.1,no-such-host.invalid,/no/such/place,localhost port=${nobody},1,2,${cluster.port} user=postgres`
    await using connection = await connectForTest(settings)
    expect(connection.peer).toMatch(new RegExp(`^host "localhost" \\(127\\.0\\.0\\.1\\), port ${cluster.port}$`))
  })

  it('give a line each when none answers', async () => {
    const nobody = await freePort()
    const failure = await failureOf(`host=127.0.0.1,no-such-host.invalid,/no/such/place port=${nobody} user=postgres`)
    expect(failure).toMatchObject({
      code: 'WALR_CONNECT_FAILED',
      hint: 'Is the server running locally and accepting connections on that socket?',
    })
    const lines = failure instanceof Error ? failure.message.split('\n') : []
    expect(lines).toEqual([
      `connection to server at "127.0.0.1", port ${nobody} failed: Connection refused`,
      matching(/^could not translate host name "no-such-host\.invalid" to address: /),
      `connection to server on socket "/no/such/place/.s.PGSQL.${nobody}" failed: No such file or directory`,
    ])
  })

  it('are passed by while one is starting, but not when one refuses us', async () => {
    const refusing = (sqlState: string): ReturnType<typeof answering> =>
      answering(errorResponse({ severity: 'FATAL', sqlState, message: 'not now' }))
    await using starting = await startFakeServer(refusing('57P03'))
    await using strict = await startFakeServer(refusing('28000'))
    const then = (port: number): string =>
      `host=127.0.0.1,127.0.0.1 port=${port},${cluster.port} user=postgres sslmode=disable`
    expect(await failureOf(then(starting.port))).toBe('connected')
    expect(await failureOf(then(strict.port))).toMatchObject({ code: 'WALR_AUTHENTICATION_FAILED', sqlState: '28000' })
  })

  it('are passed by when they are silent for connect_timeout', async () => {
    await using silent = await startFakeServer(() => undefined)
    const ports = `port=${silent.port},${cluster.port}`
    expect(await failureOf(`host=127.0.0.1,127.0.0.1 ${ports} user=postgres connect_timeout=1`)).toBe('connected')
  })

  it('may be a socket in the abstract name space', async () => {
    await using abstract = await startCluster({ version: 18, start: false })
    abstract.configure({ unix_socket_directories: `${abstract.socketDirectory}, @walr-${abstract.port}` })
    await abstract.start()
    await using connection = await connectForTest(`host=@walr-${abstract.port} port=${abstract.port} user=postgres`)
    expect(connection.peer).toBe(`socket "@walr-${abstract.port}/.s.PGSQL.${abstract.port}"`)
  })

  it('refuse an address that is none', async () => {
    expect(await failureOf('hostaddr=db.test user=postgres')).toMatchObject({
      code: 'WALR_CONNECTION_SETTING',
      message: 'could not parse network address "db.test"',
    })
  })

  it('send what the settings say to the server', async () => {
    const more = { application_name: 'it is me', options: '-c statement_timeout=4321', client_encoding: 'LATIN1' }
    await using connection = await connectForTest(cluster.conninfo(more))
    expect(await connection.query('SHOW statement_timeout')).toEqual([['4321ms']])
    expect(await connection.query('SHOW application_name')).toEqual([['it is me']])
    expect(await connection.query('SHOW client_encoding')).toEqual([['LATIN1']])
  })
})

describe.each([13, 18] as const)('target_session_attrs with PostgreSQL %d', (version) => {
  let primary: PostgresCluster
  let standby: PostgresCluster
  beforeAll(async () => {
    primary = await startCluster({ version })
    await primary.stop()
    standby = await startCluster({ version, copyOf: primary.dataDirectory, signalFiles: ['standby.signal'] })
    await primary.start()
  })
  afterAll(async () => {
    await standby[Symbol.asyncDispose]()
    await primary[Symbol.asyncDispose]()
  })

  const ports = (...clusters: readonly PostgresCluster[]): string =>
    `host=${clusters.map(() => '127.0.0.1').join()} port=${clusters.map(({ port }) => port).join()} user=postgres`

  it.each([
    ['any', 'standby'],
    ['read-write', 'primary'],
    ['primary', 'primary'],
    ['read-only', 'standby'],
    ['standby', 'standby'],
    ['prefer-standby', 'standby'],
  ])('%s chooses the %s', async (wanted, chosen) => {
    const order = wanted.includes('standby') || wanted === 'read-only' ? [primary, standby] : [standby, primary]
    await using connection = await connectForTest(`${ports(...order)} target_session_attrs=${wanted}`)
    expect(connection.peer).toContain(`port ${(chosen === 'primary' ? primary : standby).port}`)
  })

  it('prefer-standby takes a primary when there is no standby', async () => {
    expect(await failureOf(`${ports(primary)} target_session_attrs=prefer-standby`)).toBe('connected')
  })

  it.each([
    ['read-write', 'session is read-only'],
    ['primary', 'server is in hot standby mode'],
  ])('%s does not take a standby', async (wanted, text) => {
    expect(await failureOf(`${ports(standby)} target_session_attrs=${wanted}`)).toMatchObject({
      code: 'WALR_CONNECT_FAILED',
      message: `connection to server at "127.0.0.1", port ${standby.port} failed: ${text}`,
    })
  })

  it.each([
    ['read-only', 'session is not read-only'],
    ['standby', 'server is not in hot standby mode'],
  ])('%s does not take a primary', async (wanted, text) => {
    expect(await failureOf(`${ports(primary)} target_session_attrs=${wanted}`)).toMatchObject({
      code: 'WALR_CONNECT_FAILED',
      message: `connection to server at "127.0.0.1", port ${primary.port} failed: ${text}`,
    })
  })
})
