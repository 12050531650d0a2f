import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findPassword, readPasswordFile, type PasswordKey } from './password-file.ts'

const KEY: PasswordKey = { host: 'db', port: 5432, databases: ['replication'], user: 'joe' }

describe('a password file', () => {
  it.each([
    ['db:5432:replication:joe:secret', 'secret'],
    ['*:*:*:*:secret', 'secret'],
    ['db:5432:replication:joe:first\n*:*:*:*:second', 'first'],
    ['db:5432:postgres:joe:wrong\ndb:*:replication:joe:right', 'right'],
    ['other:*:*:*:wrong\r\n*:*:*:joe:right\r\n', 'right'],
    ['#*:*:*:*:comment\n*:*:*:*:right', 'right'],
    ['*:*:*:*:with:colons', 'with:colons'],
    ['*:*:*:*:esc\\:aped\\\\', 'esc:aped\\'],
    ['*:*:*:*: blanks ', ' blanks '],
    ['*:*:*:jo\\e:right', 'right'],
    ['*:*:*:*:line\u2028separator\\\u2029', 'line\u2028separator\u2029'],
    ['*:*:*', undefined],
    ['*:*:*:*:', undefined],
    ['*:*:*:*:\n*:*:*:*:second', undefined],
    ['db*:*:*:*:no globbing', undefined],
    ['DB:*:*:*:case counts', undefined],
    ['', undefined],
  ])('%j', (text, password) => {
    expect(findPassword(text, KEY)).toBe(password)
  })

  it('takes an entry for any of the database names', () => {
    const databases = ['replication', 'app']
    expect(findPassword('*:*:app:*:secret', { ...KEY, databases })).toBe('secret')
    expect(findPassword('*:*:app:*:secret', KEY)).toBeUndefined()
  })

  it('finds whatever was escaped by its rules', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !/[\r\n*]/.test(value))
    const escape = (value: string): string => value.replace(/[:\\]/g, '\\$&')
    fc.assert(
      fc.property(text, text, text, (host, user, password) => {
        fc.pre(!host.startsWith('#'))
        const line = `${escape(host)}:5432:*:${escape(user)}:${escape(password)}`
        expect(findPassword(line, { ...KEY, host, user })).toBe(password)
      }),
    )
  })
})

describe('reading a password file', () => {
  let folder = ''
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'walr-pgpass-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  it.each([0o640, 0o604, 0o620, 0o601])('ignores a file of mode %o with a warning', async (mode) => {
    const path = join(folder, 'pgpass')
    writeFileSync(path, '*:*:*:*:secret')
    chmodSync(path, mode)
    const { find, warning } = await readPasswordFile(path)
    expect(find(KEY)).toBeUndefined()
    expect(warning).toBe(`password file "${path}" has group or world access; permissions should be u=rw (0600) or less`)
  })

  it.each([0o600, 0o400])('reads a file of mode %o', async (mode) => {
    const path = join(folder, 'pgpass')
    writeFileSync(path, '*:*:*:*:secret')
    chmodSync(path, mode)
    const { find, warning } = await readPasswordFile(path)
    expect(find(KEY)).toBe('secret')
    expect(warning).toBeUndefined()
  })

  it('takes an absent file for an empty one, and warns about a directory', async () => {
    const absent = await readPasswordFile(join(folder, 'absent'))
    expect([absent.find(KEY), absent.warning]).toEqual([undefined, undefined])
    const directory = await readPasswordFile(folder)
    expect([directory.find(KEY), directory.warning]).toEqual([
      undefined,
      `password file "${folder}" is not a plain file`,
    ])
  })
})
