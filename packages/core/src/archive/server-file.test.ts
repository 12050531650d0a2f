import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byUrgency, parseServerFile } from './server-file.ts'

const SEGMENT = '00000002000000010000002A'

describe('a file that PostgreSQL archives', () => {
  it.each([
    [SEGMENT, 'segment'],
    ['00000002.history', 'history'],
    [`${SEGMENT}.00000028.backup`, 'backup'],
    [`${SEGMENT}.partial`, 'partial'],
  ])('%s is known by its name', (name, kind) => {
    expect(parseServerFile(name)).toMatchObject({ kind, name })
  })

  it.each([
    '',
    'RECOVERYXLOG',
    `${SEGMENT}.gz`,
    `${SEGMENT}.partial.gz`,
    SEGMENT.toLowerCase(),
    `${SEGMENT}0`,
    `${SEGMENT}.0000028.backup`,
    `${SEGMENT}.00000028.backup `,
    `${SEGMENT}.00000028.BACKUP`,
    `${SEGMENT}\n`,
    '00000000.history',
    '2.history',
    'archive_status',
    '.walr',
    '..',
    `../${SEGMENT}`,
  ])('%j is none', (name) => {
    expect(parseServerFile(name)).toBeUndefined()
  })

  it('has a name that is a part of a key, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('0', 'A', '.', 'f', '/', 'b', 'h', '\n', ' ') }), (name) => {
        expect(parseServerFile(name)?.name ?? 'none').toMatch(/^[0-9A-Za-z.]+$/)
      }),
    )
  })

  it('is asked for after the histories, and otherwise by timeline and age', () => {
    const names = [
      '000000020000000000000009',
      '000000010000000000000009.partial',
      '00000002.history',
      '000000010000000000000008',
      '000000010000000000000008.00000028.backup',
      '00000001000000000000000A',
    ]
    const files = names.map((name) => parseServerFile(name)).filter((file) => file !== undefined)
    expect(files.toSorted(byUrgency).map(({ name }) => name)).toEqual([
      '00000002.history',
      '000000010000000000000008',
      '000000010000000000000008.00000028.backup',
      '000000010000000000000009.partial',
      '00000001000000000000000A',
      '000000020000000000000009',
    ])
  })
})
