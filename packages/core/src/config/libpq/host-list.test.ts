import { describe, expect, it } from 'vitest'
import { listHosts } from './host-list.ts'
import { RawSettings } from './raw-settings.ts'

function hosts(given: { host?: string; hostaddr?: string; port?: string }, sockets: readonly string[] = []): unknown {
  const settings = new RawSettings()
  for (const keyword of ['host', 'hostaddr', 'port'] as const) {
    const value = given[keyword]
    if (value !== undefined) settings.offer(keyword, value, `environment variable PG${keyword.toUpperCase()}`)
  }
  return listHosts(settings, (path) => sockets.includes(path)).map(
    ({ host, hostAddress = '-', port, socketPath = '-', passwordHost }) =>
      [host, hostAddress, port, socketPath, passwordHost].join(' '),
  )
}

describe('the list of hosts', () => {
  it.each([
    [{ host: 'db' }, ['db - 5432 - db']],
    [{ host: 'a,b', port: '1,2' }, ['a - 1 - a', 'b - 2 - b']],
    [{ host: 'a,b', port: '6000' }, ['a - 6000 - a', 'b - 6000 - b']],
    [{ host: 'a,b', port: ',2' }, ['a - 5432 - a', 'b - 2 - b']],
    [{ host: 'db', hostaddr: '10.0.0.1' }, ['db 10.0.0.1 5432 - db']],
    [{ hostaddr: '10.0.0.1' }, ['10.0.0.1 10.0.0.1 5432 - 10.0.0.1']],
    [{ host: '/run/pg' }, ['/run/pg - 5432 /run/pg/.s.PGSQL.5432 /run/pg']],
    [{ host: '@abstract', port: '1' }, ['@abstract - 1 @abstract/.s.PGSQL.1 @abstract']],
    [{ host: '/var/run/postgresql' }, ['/var/run/postgresql - 5432 /var/run/postgresql/.s.PGSQL.5432 localhost']],
    [{ host: '', port: '' }, ['localhost - 5432 - localhost']],
    [{ port: ' 5433 ' }, ['localhost - 5433 - localhost']],
  ])('%j', (given, expected) => {
    expect(hosts(given)).toEqual(expected)
  })

  it('takes the socket that is there when no host is given, and localhost when there is none', () => {
    const system = '/var/run/postgresql/.s.PGSQL.5433'
    const temporary = '/tmp/.s.PGSQL.5433'
    expect(hosts({ port: '5433' }, [system, temporary])).toEqual([`/var/run/postgresql - 5433 ${system} localhost`])
    expect(hosts({ port: '5433' }, [temporary])).toEqual([`/tmp - 5433 ${temporary} localhost`])
    expect(hosts({ port: '5432' }, [temporary])).toEqual(['localhost - 5432 - localhost'])
  })

  it.each([
    [{ host: 'a,b,c', port: '1,2' }, 'could not match 2 port numbers to 3 hosts (from environment variable PGPORT)'],
    [
      { host: 'a,b', hostaddr: '::1' },
      'could not match 2 host names to 1 hostaddr values (from environment variable PGHOST)',
    ],
    [{ port: 'abc' }, 'invalid port number: "abc" (from environment variable PGPORT)'],
    [{ port: '0' }, 'invalid port number: "0" (from environment variable PGPORT)'],
    [{ port: '65536' }, 'invalid port number: "65536" (from environment variable PGPORT)'],
    [{ port: '-5432' }, 'invalid port number: "-5432" (from environment variable PGPORT)'],
    [{ port: '5432x' }, 'invalid port number: "5432x" (from environment variable PGPORT)'],
  ])('%j is refused', (given, message) => {
    expect(() => hosts(given)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING', message }))
  })

  it('refuses a socket path that the system could not take', () => {
    expect(() => hosts({ host: `/${'x'.repeat(100)}` })).toThrow(/is too long \(maximum 107 bytes\)/)
  })
})
