import fc from 'fast-check'
import { isStorageError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { escapeName, toBlobName, unescapeName } from './blob-name.ts'
import type { AzurePlace } from './place.ts'

const authorization = { kind: 'sas', token: 'sig=1' } as const
const azure: AzurePlace = { containerUrl: 'https://a.blob.core.windows.net/wal', container: 'wal', authorization }
const emulator: AzurePlace = { containerUrl: 'http://127.0.0.1:10000/a/wal', container: 'wal', authorization }
const permanent = expect.toSatisfy((error: unknown) => isStorageError(error, 'Permanent')) as Error

const key = fc
  .array(fc.constantFrom('\\', '[', ']', 'a', 'Z', '/', '\u{10fffc}', '\uffff', '\ue000'), { maxLength: 8 })
  .map((letters) => letters.join(''))

describe('the name of a blob', () => {
  it('is the key where Azure keeps it', () => {
    for (const plain of ['wal/00000001', 'a.b', 'a..b', '.a', 'a b', 'a%2Fb', 'a[b']) {
      expect(toBlobName(plain, azure)).toBe(plain)
    }
  })

  it('has no backslash, gives the key back, and keeps order and beginnings', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(escapeName(a)).not.toContain('\\')
        expect(unescapeName(escapeName(a))).toBe(a)
        const compare = (x: string, y: string): number => Buffer.compare(Buffer.from(x), Buffer.from(y))
        expect(compare(escapeName(a), escapeName(b))).toBe(compare(a, b))
        expect(escapeName(a + b).startsWith(escapeName(a))).toBe(true)
      }),
    )
  })

  it.each(['a.', 'a./b', 'a..', '...'])('%j is refused: Azure would drop a dot', (name) => {
    expect(() => toBlobName(name, azure)).toThrow(permanent)
    expect(toBlobName(name, emulator)).toBe(name)
  })

  it.each(['a\u{10fffd}', '\u{10ffff}'])('%j is refused: that letter stands for something', (name) => {
    expect(() => toBlobName(name, emulator)).toThrow(permanent)
  })
})
