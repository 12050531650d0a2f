import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isOptionsError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { keyBytes } from './object.fixture.ts'
import { optionDescriptions, parseOptions } from './options.ts'

const secret = keyBytes(0).toString('base64')
const key = `walr-key:k1:${secret}`

/** The faults of options, as `path: message`. */
function faultsOf(input: Readonly<Record<string, unknown>>): string[] {
  try {
    parseOptions(input)
  } catch (error) {
    if (!isOptionsError(error)) throw error
    expect(error.message).not.toContain(secret.slice(0, 12))
    return error.faults.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('the options', () => {
  it('have defaults for all but the source of the key', () => {
    expect(parseOptions({ keyFile: 'walr.keys' })).toEqual({
      source: { option: 'keyFile', path: 'walr.keys' },
      keyId: undefined,
      oldKeys: undefined,
      oldPassphrases: [],
      chunkSize: 65_536,
    })
  })

  it.each([
    [{ key }, { option: 'key', text: key }],
    [{ keyFile: 'f' }, { option: 'keyFile', path: 'f' }],
    [{ keyCommand: 'vault read  key' }, { option: 'keyCommand', words: ['vault', 'read', 'key'], timeoutMs: 30_000 }],
    [
      { keyCommand: ['pass', 'a b$'], keyCommandTimeoutMs: '500' },
      { option: 'keyCommand', words: ['pass', 'a b$'], timeoutMs: 500 },
    ],
    [{ passphrase: 'correct horse' }, { option: 'passphrase', text: 'correct horse' }],
    [{ passphraseFile: 'p' }, { option: 'passphraseFile', path: 'p' }],
  ])('know five sources (%#)', (input, source) => {
    expect(parseOptions(input).source).toEqual(source)
  })

  it('take texts where the environment gives them, and lists where a file does', () => {
    const fromEnvironment = parseOptions({ key, oldKeys: key, oldPassphrases: 'an older one', chunkSize: '16384' })
    expect(fromEnvironment).toMatchObject({ oldKeys: key, oldPassphrases: ['an older one'], chunkSize: 16_384 })
    expect(parseOptions({ key, oldKeys: [key, key], oldPassphrases: ['a', 'b'], chunkSize: 4096 })).toMatchObject({
      oldKeys: `${key}\n${key}`,
      oldPassphrases: ['a', 'b'],
      chunkSize: 4096,
    })
  })

  it('want exactly one source', () => {
    const all = '"key", "keyFile", "keyCommand", "passphrase", "passphraseFile"'
    expect(faultsOf({})).toEqual([`: exactly one of ${all} is needed; none is there`])
    expect(faultsOf({ key, passphraseFile: 'p' })).toEqual([
      `: exactly one of ${all} is needed; there are "key" and "passphraseFile"`,
    ])
  })

  it('report all faults at once, an unknown option with the nearest one, and no secret', () => {
    const size = 'expected a power of two from 4096 to 4194304'
    expect(
      faultsOf({
        key: `\n${key}=x`,
        keyfile: 'f',
        nonsense: 1,
        keyId: 'a b',
        chunkSize: 5000,
        oldKeys: [`${secret}!`],
      }),
    ).toEqual([
      'key: line 2: the key "k1" is not valid base64',
      'keyId: expected 1 to 64 of the characters A-Z a-z 0-9 . _ -',
      'oldKeys.0: line 1: it is neither "walr-key:ID:BASE64" nor just the 32 bytes of a key in base64 or hexadecimal',
      `chunkSize: ${size}`,
      'keyfile: unknown option; did you mean "keyFile"?',
      'nonsense: unknown option',
    ])
  })

  it.each([
    [{ key: '' }, 'key: is empty'],
    [{ key: 5 }, 'key: expected text'],
    [{ keyFile: '' }, 'keyFile: is empty'],
    [{ passphrase: 'too short' }, 'passphrase: shorter than 12 characters'],
    [{ key, chunkSize: 'big' }, 'chunkSize: expected a whole number'],
    [{ key, chunkSize: 2048 }, 'chunkSize: expected a power of two from 4096 to 4194304'],
    [{ key, chunkSize: 2 ** 23 }, 'chunkSize: expected a power of two from 4096 to 4194304'],
    [{ key, keyCommandTimeoutMs: 0 }, 'keyCommandTimeoutMs: expected 1 to 600000'],
    [{ key, oldPassphrases: [1] }, 'oldPassphrases.0: expected text'],
    [{ keyCommand: [] }, 'keyCommand: names no program'],
    [{ keyCommand: ' ' }, 'keyCommand: names no program'],
    [{ keyCommand: ['a', 1] }, 'keyCommand: expected strings only'],
    [{ keyCommand: 5 }, 'keyCommand: expected a list of strings (program and arguments), or a string'],
    [
      { keyCommand: 'pass "a b"' },
      'keyCommand: has characters that only a shell understands; none runs here: give a list of strings, or a script',
    ],
  ])('are checked (%#)', (input, fault) => {
    expect(faultsOf(input)).toEqual([fault])
  })

  it('are all described, and those that hold secrets as secret', () => {
    const described = optionDescriptions.map(({ name }) => name)
    // The checker is asked for each name: none but the unknown one is a fault of that kind.
    const faults = faultsOf(Object.fromEntries([...described, 'unknown'].map((name) => [name, 0])))
    expect(faults.filter((fault) => fault.includes('unknown option'))).toEqual(['unknown: unknown option'])
    const secrets = optionDescriptions.filter((option) => option.secret === true).map(({ name }) => name)
    expect(secrets).toEqual(['key', 'keyCommand', 'passphrase', 'oldKeys', 'oldPassphrases'])
  })

  it('are those of the README, with the same types and defaults', () => {
    const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8')
    const rows = Array.from(
      readme.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]*)\|/gm),
      ([, name, type = '', fallback = '']) => ({
        name,
        secret: type.includes('secret'),
        fallback: fallback.replaceAll('`', '').trim(),
      }),
    ).filter(({ name }) => name !== 'WrongKey' && name !== 'Corrupt')
    const described = optionDescriptions.map(({ name, secret, default: fallback }) => ({
      name,
      secret: secret === true,
      fallback: fallback ?? '',
    }))
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
      (a.name ?? '').localeCompare(b.name ?? '')
    expect(rows.toSorted(byName)).toEqual(described.toSorted(byName))
  })
})
