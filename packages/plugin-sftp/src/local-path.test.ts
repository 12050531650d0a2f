import { homedir } from 'node:os'
import { expect, it } from 'vitest'
import { localPath } from './local-path.ts'

it.each([
  ['~/.ssh/id', `${homedir()}/.ssh/id`],
  ['~', homedir()],
  ['keys/id', '/etc/walr/keys/id'],
  ['/keys/id', '/keys/id'],
  ['~other/id', '/etc/walr/~other/id'],
])('the path %s is %s', (path, expected) => {
  expect(localPath(path, '/etc/walr')).toBe(expected)
})
