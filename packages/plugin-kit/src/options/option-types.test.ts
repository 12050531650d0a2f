import { describe, expect, it } from 'vitest'
import { keyPrefix } from './key-prefix.ts'
import { httpUrl, integer, oneOf, size } from './option-types.ts'

const MEBIBYTE = 1024 ** 2

describe('a size', () => {
  it.each([
    [1024, 1024],
    ['1024', 1024],
    ['2KiB', 2048],
    ['2 MiB', 2 * MEBIBYTE],
  ])('%j is %i bytes', (value, bytes) => {
    expect(size(1, 2 * MEBIBYTE).parse(value)).toBe(bytes)
  })

  it.each(['', 'MiB', '1.5MiB', '2MB', '-1', 0, 1.5, '3MiB', null])('is refused: %j', (value) => {
    expect(size(1, 2 * MEBIBYTE).safeParse(value).success).toBe(false)
  })
})

describe('a whole number', () => {
  it.each(['', '1.0', ' 1', '0x1', 1.5, 0, 10, '10', true])('is refused: %j', (value) => {
    expect(integer(1, 9).safeParse(value).success).toBe(false)
  })
})

describe('a word', () => {
  it('that is not one of those possible is told them', () => {
    expect(oneOf('a', 'b').safeParse('c').error?.issues[0]?.message).toBe('"a" or "b" is expected')
  })
})

describe('a URL', () => {
  it.each(['https://example.com', 'http://127.0.0.1:9000/path'])('may be %s', (value) => {
    expect(httpUrl.parse(value)).toBe(value)
  })

  it.each(['example.com', 'ftp://example.com', 'https://me:secret@example.com', 'https://example.com/?a=1', ''])(
    'may not be %j',
    (value) => {
      expect(httpUrl.safeParse(value).success).toBe(false)
    },
  )
})

describe('a prefix of keys', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['/pg/prod/', 'pg/prod'],
  ])('%j is "%s"', (value, prefix) => {
    expect(keyPrefix.parse(value)).toBe(prefix)
  })

  it.each(['a//b', '../a', 'a/./b', 'a\u0000', '\ud800', 'x'.repeat(501)])('may not be %j', (value) => {
    expect(keyPrefix.safeParse(value).success).toBe(false)
  })
})
