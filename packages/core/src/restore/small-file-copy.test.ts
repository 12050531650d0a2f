import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { createTextLogger } from '../telemetry/text-logger.ts'
import { restoreFromDirectory } from './directory-restorer.ts'
import { parseWantedFile } from './wanted-file.ts'

let directory: string
let target: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-small-'))
  target = join(directory, 'RECOVERYHISTORY')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const restore = (name: string): Promise<'delivered' | 'absent'> =>
  restoreFromDirectory({
    disk: nodeDisk,
    logger: createTextLogger({ verbosity: 0 }),
    directory,
    workingDirectory: directory,
    wanted: parseWantedFile(name),
    targetPath: target,
    partial: 'auto',
    signal: new AbortController().signal,
  })

const name = '00000002.history'
const content = Buffer.from('1\t0/74FE98\tno recovery target specified\n')

describe('a history file', () => {
  it.each([
    ['', content],
    ['.gz', gzipSync(content)],
    ['.lz4', compressFrameSync(content)],
    ['.zst', zstdCompressSync(content)],
  ])('%s is delivered', async (suffix, bytes) => {
    writeFileSync(join(directory, name + suffix), bytes)
    expect(await restore(name)).toBe('delivered')
    expect(readFileSync(target).equals(content)).toBe(true)
  })

  it.each([
    ['is empty', '', Buffer.alloc(0), 'WALR_TIMELINE', 'is empty'],
    ['is malformed', '', Buffer.from('1\tnot a location\n'), 'WALR_TIMELINE', 'line 1'],
    ['is of a later timeline', '', Buffer.from('2\t0/74FE98\tx\n'), 'WALR_TIMELINE', 'must be less than 2'],
    ['is huge', '', Buffer.alloc(16_777_217, '#'), 'WALR_TIMELINE', 'too large'],
    ['does not decode', '.gz', gzipSync(content).subarray(0, -1), 'WALR_SEGMENT_CORRUPT', 'cannot be decoded'],
  ] as const)('that %s is refused: PostgreSQL would take a wrong way', async (_what, suffix, bytes, code, text) => {
    writeFileSync(join(directory, name + suffix), bytes)
    await expect(restore(name)).rejects.toThrow(text)
    await expect(restore(name)).rejects.toThrow(expect.toSatisfy((error: unknown) => isWalrError(error, code)) as Error)
    expect(readdirSync(directory)).toEqual([name + suffix])
  })

  it('of a backup is delivered as it is', async () => {
    writeFileSync(join(directory, '000000010000000000000001.00000028.backup'), 'START WAL LOCATION: 0/100028')
    expect(await restore('000000010000000000000001.00000028.backup')).toBe('delivered')
    expect(readFileSync(target, 'utf8')).toBe('START WAL LOCATION: 0/100028')
  })
})
