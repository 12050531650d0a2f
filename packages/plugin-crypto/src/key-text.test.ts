import { describe, expect, it } from 'vitest'
import { parseKeyText } from './key-text.ts'
import { keyBytes } from './object.fixture.ts'

const base64 = keyBytes(0).toString('base64')
const other = keyBytes(1).toString('base64')

describe('key text', () => {
  it('has one key a line, in order, with comments and blank lines between them', () => {
    const text = `\uFEFF# current\r\nwalr-key:2026-11-21-ab:${base64}\r\n\n   # older\n  walr-key:a.b_C-1:${other}  \n`
    expect(parseKeyText(text)).toEqual({
      keys: [
        { id: '2026-11-21-ab', bytes: keyBytes(0) },
        { id: 'a.b_C-1', bytes: keyBytes(1) },
      ],
      faults: [],
    })
  })

  it('may be one bare key, which has the same id in whatever form it is written', () => {
    const forms = [base64, base64.replace('=', ''), keyBytes(0).toString('base64url'), keyBytes(0).toString('hex')]
    const read = forms.map((form) => parseKeyText(`${form}\n`).keys)
    for (const keys of read) expect(keys).toEqual([{ id: 'key-2d1f50d3', bytes: keyBytes(0) }])
    expect(parseKeyText(other).keys[0]?.id).not.toBe('key-2d1f50d3')
  })

  it('may name a key twice, but not two keys alike', () => {
    expect(parseKeyText(`walr-key:a:${base64}\nwalr-key:a:${base64}`).keys).toHaveLength(1)
    expect(parseKeyText(`walr-key:a:${base64}\nwalr-key:a:${other}`).faults).toEqual([
      { line: 2, message: 'a line before has another key with the id "a"' },
    ])
  })

  it.each([
    ['', 1, 'there is no key'],
    ['# nothing\n', 1, 'there is no key'],
    [`\n\nwalr-key:a:${base64}x`, 3, 'the key "a" is not valid base64'],
    [`walr-key:a:${base64.slice(4)}`, 1, 'the key "a" has 29 bytes, not 32'],
    [`walr-key:a:${'A'.repeat(43)}=`, 1, 'the key "a" is a placeholder: all its bytes are the same'],
    [`walr-key:a b:${base64}`, 1, 'the id of a key is 1 to 64 of the characters A-Z a-z 0-9 . _ -'],
    [`walr-key:${'a'.repeat(65)}:${base64}`, 1, 'the id of a key is 1 to 64 of the characters A-Z a-z 0-9 . _ -'],
    [`walr-key:${base64}`, 1, 'a key has the form "walr-key:ID:BASE64"'],
    [`walr-key:a:${base64}:x`, 1, 'a key has the form "walr-key:ID:BASE64"'],
    ['hunter2', 1, 'it is neither "walr-key:ID:BASE64" nor just the 32 bytes of a key in base64 or hexadecimal'],
  ])('that is wrong is refused without being shown (%#)', (text, line, message) => {
    expect(parseKeyText(text)).toEqual({ keys: [], faults: [{ line, message }] })
  })

  it('reports every line that is wrong', () => {
    expect(parseKeyText(`x\nwalr-key:a:${base64}\ny`).faults.map(({ line }) => line)).toEqual([1, 3])
  })
})
