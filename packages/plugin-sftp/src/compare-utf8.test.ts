import { expect, it } from 'vitest'
import { compareUtf8, sortByName } from './compare-utf8.ts'

const NAMES = [
  'a',
  'a/',
  'a0',
  'ab',
  '',
  'é',
  '\ue000',
  '\uffee',
  '😀',
  '😀a',
  'a😀',
  'a\uffee',
  '000000010000000000000001',
]

it('is the order of UTF-8 bytes, with and without characters beyond U+FFFF', () => {
  for (const a of NAMES) {
    for (const b of NAMES) expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
  for (const names of [NAMES, NAMES.filter((name) => !name.includes('😀'))]) {
    const sorted = sortByName(names.map((name) => ({ name }))).map(({ name }) => name)
    expect(sorted).toEqual(names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
  }
})
