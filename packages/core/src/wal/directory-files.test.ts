import { describe, expect, it } from 'vitest'
import type { DiskEntry } from '../disk/disk.ts'
import { systemError } from '../errors/system-error.ts'
import { filesAmong } from './directory-files.ts'
import { segmentName } from './wal-bytes.fixture.ts'

const link = (name: string): DiskEntry => ({ name, kind: 'unknown', error: systemError('EACCES', 'stat', name) })

describe('the files of a receive directory', () => {
  it('are its files, whatever else is there', () => {
    const entries: readonly DiskEntry[] = [
      { name: segmentName(1), kind: 'file' },
      { name: segmentName(2), kind: 'directory' },
      { name: segmentName(3), kind: 'other' },
      link('notes'),
      link('.walr'),
      { name: 'notes.txt', kind: 'file' },
    ]
    expect(filesAmong('/received', entries)).toEqual([segmentName(1), 'notes.txt'])
  })

  it.each([segmentName(2), `${segmentName(2)}.gz`, `${segmentName(2)}.partial`, '00000002.history'])(
    'are not known when %s is a link that nobody can follow: it is not absent',
    (name) => {
      expect(() => filesAmong('/received', [{ name: segmentName(1), kind: 'file' }, link(name)])).toThrow(
        expect.objectContaining({
          code: 'WALR_DIRECTORY',
          message: `could not look at what "/received/${name}" links to: Permission denied`,
        }),
      )
    },
  )
})
