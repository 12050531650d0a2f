import { describe, expect, it } from 'vitest'
import type { FileSystemState } from './sftp-session.ts'
import { fileSystemFault } from './why-not-written.ts'

const ROOMY: FileSystemState = { freeBytes: 1e9, freeFiles: 1000, allFiles: 2000, isReadOnly: false }

function faultOf(change: Partial<FileSystemState>, missing = 0): string | undefined {
  return fileSystemFault({ ...ROOMY, ...change }, '/base', missing, new Error('said so'))?.message
}

describe('a file system', () => {
  it('that is read-only is told so, however little is free', () => {
    expect(faultOf({ isReadOnly: true, freeBytes: 0, freeFiles: 0 })).toContain('read-only')
  })

  it('is full when what was to be written does not fit, or nearly nothing does', () => {
    expect(faultOf({ freeBytes: 500_000 }, 600_000)).toContain('no space left: 500000 bytes')
    expect(faultOf({ freeBytes: 4096 })).toContain('no space left: 4096 bytes')
    expect(faultOf({ freeBytes: 500_000 }, 400_000)).toBeUndefined()
  })

  it('has no files left only where files are counted', () => {
    expect(faultOf({ freeFiles: 0 })).toContain('no files')
    expect(faultOf({ freeFiles: 0, allFiles: 0 })).toBeUndefined()
  })

  it('with room for it explains nothing', () => {
    expect(faultOf({}, 1e8)).toBeUndefined()
  })
})
