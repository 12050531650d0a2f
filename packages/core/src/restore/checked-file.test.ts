import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { RestoreBench } from './restore-bench.fixture.ts'

let bench: RestoreBench
beforeEach(() => {
  bench = new RestoreBench()
})
afterEach(() => bench.remove())

const name = '00000002.history'
const content = Buffer.from('1\t0/74FE98\tno recovery target specified\n')

describe('a history file', () => {
  it.each([
    ['', content],
    ['.gz', gzipSync(content)],
    ['.lz4', compressFrameSync(content)],
    ['.zst', zstdCompressSync(content)],
  ])('%s is delivered', async (suffix, bytes) => {
    bench.put(name + suffix, bytes)
    expect(await bench.restore(name)).toBe('delivered')
    expect(bench.delivered.equals(content)).toBe(true)
  })

  it.each([
    ['is empty', '', Buffer.alloc(0), 'WALR_TIMELINE', 'is empty'],
    ['is malformed', '', Buffer.from('1\tnot a location\n'), 'WALR_TIMELINE', 'line 1'],
    ['is of a later timeline', '', Buffer.from('2\t0/74FE98\tx\n'), 'WALR_TIMELINE', 'must be less than 2'],
    ['is huge', '', Buffer.alloc(16_777_217, '#'), 'WALR_TIMELINE', 'too large'],
    ['does not decode', '.gz', gzipSync(content).subarray(0, -1), 'WALR_SEGMENT_CORRUPT', 'cannot be decoded'],
  ] as const)('that %s is refused: PostgreSQL would take a wrong way', async (_what, suffix, bytes, code, text) => {
    bench.put(name + suffix, bytes)
    await expect(bench.restore(name)).rejects.toThrow(text)
    await expect(bench.restore(name)).rejects.toThrow(
      expect.toSatisfy((error: unknown) => isWalrError(error, code)) as Error,
    )
    expect(readdirSync(join(bench.dataDirectory, 'pg_wal'))).toEqual([])
  })

  it('of a backup is delivered as it is', async () => {
    bench.put('000000010000000000000001.00000028.backup', Buffer.from('START WAL LOCATION: 0/100028'))
    expect(await bench.restore('000000010000000000000001.00000028.backup')).toBe('delivered')
    expect(bench.delivered.toString()).toBe('START WAL LOCATION: 0/100028')
  })
})
