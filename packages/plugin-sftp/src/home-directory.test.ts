import { afterEach, describe, expect, it, vi } from 'vitest'
import { isStorageError } from '@walr/core/plugin'
import { loadCredentials } from './credentials.ts'
import { homeDirectory } from './home-directory.ts'
import { loadHostKeyKnowledge } from './load-known-hosts.ts'
import { localPath } from './local-path.ts'
import { parseOptions } from './options.ts'

/** What the system says: an error stands for a user that it does not know, as in containers. */
const system = vi.hoisted<{ home: string | Error; name: string | Error }>(() => ({ home: '/home/walr', name: 'walr' }))

vi.mock(import('node:os'), async (original) => {
  const os = await original()
  const told = (answer: string | Error): string => {
    if (answer instanceof Error) throw answer
    return answer
  }
  const homedir = () => told(system.home)
  const userInfo = (() => ({ ...os.userInfo(), username: told(system.name) })) as typeof os.userInfo
  return { ...os, homedir, userInfo, default: { ...os, homedir, userInfo } }
})

const unknown = new Error('uv_os_get_passwd returned ENOENT')
const OPTIONS = { host: 'backup.example.com', directory: '/srv/walr', password: 'x' }

afterEach(() => {
  Object.assign(system, { home: '/home/walr', name: 'walr' })
})

describe.each<[string, string | Error]>([
  ['a user that the system does not know', unknown],
  ['an empty HOME', ''],
  ['a HOME that is relative', 'walr'],
])('with %s', (_what, home) => {
  it('there is no home, and "~/" says so', () => {
    system.home = home
    expect(homeDirectory()).toBeUndefined()
    const failed = expect.toSatisfy((error: unknown) => isStorageError(error, 'Permanent')) as Error
    expect(() => localPath('~/key', '/etc/walr')).toThrow(failed)
    expect(() => localPath('~/key', '/etc/walr')).toThrow(/"~\/key".*no home/)
    expect(localPath('key', '/etc/walr')).toBe('/etc/walr/key')
  })

  it('only the known servers of the system count', async () => {
    system.home = home
    const { files } = await loadHostKeyKnowledge(parseOptions(OPTIONS), '/')
    expect(files.map(({ path }) => path)).toEqual(['/etc/ssh/ssh_known_hosts'])
  })
})

it('a HOME that is no folder has no known servers', async () => {
  system.home = '/dev/null'
  const { files } = await loadHostKeyKnowledge(parseOptions(OPTIONS), '/')
  expect(files.map(({ keys }) => keys.length)[0]).toBe(0)
  expect(files.at(-1)?.path).toBe('/etc/ssh/ssh_known_hosts')
})

it('a user without a name has to set "username"', async () => {
  system.name = unknown
  await expect(loadCredentials(parseOptions(OPTIONS), '/')).rejects.toThrow(/"username"/)
  const { username } = await loadCredentials(parseOptions({ ...OPTIONS, username: 'archive' }), '/')
  expect(username).toBe('archive')
})
