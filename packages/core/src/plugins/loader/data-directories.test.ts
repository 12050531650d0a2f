import { expect, it } from 'vitest'
import { dataDirectories } from './data-directories.ts'

const home = '/home/ada'

it.each([
  ['the variable alone counts', { WALR_DATA_DIR: '/srv/walr', XDG_DATA_HOME: '/x' }, 1000, ['/srv/walr']],
  ['the variable counts for root, too', { WALR_DATA_DIR: '/srv/walr' }, 0, ['/srv/walr']],
  ['root installs for everybody', { XDG_DATA_HOME: '/x' }, 0, ['/usr/local/lib/walr']],
  ["a user's own come first", {}, 1000, ['/home/ada/.local/share/walr', '/usr/local/lib/walr']],
  ['an empty variable is none', { WALR_DATA_DIR: '', XDG_DATA_HOME: '' }, 0, ['/usr/local/lib/walr']],
  ['the folder for data is respected', { XDG_DATA_HOME: '/x' }, 1000, ['/x/walr', '/usr/local/lib/walr']],
  [
    'a relative folder for data is not',
    { XDG_DATA_HOME: 'x' },
    1000,
    ['/home/ada/.local/share/walr', '/usr/local/lib/walr'],
  ],
])('%s', (_law, environment, uid, expected) => {
  expect(dataDirectories({ environment, uid, home })).toEqual(expected)
})

it('a relative variable is refused, with its value', () => {
  const user = { environment: { WALR_DATA_DIR: 'data' }, uid: 0, home }
  expect(() => dataDirectories(user)).toThrow('WALR_DATA_DIR is "data", but has to be an absolute path')
})
