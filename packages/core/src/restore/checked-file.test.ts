import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { checkedFile } from './checked-file.ts'
import { RestoreBench } from './restore-bench.fixture.ts'
import { OWNER, segment, SEGMENT } from './segment.fixture.ts'
import { parseWantedFile } from './wanted-file.ts'

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

describe('a finished segment that ends in zeros without a switch', () => {
  const two = '000000010000000000000002'
  const torn = segment(two, { written: SEGMENT / 2 })

  it('is passed over for a good copy in the archive when its timeline goes on', async () => {
    bench.archive()
    bench.put(two, torn)
    bench.put('000000010000000000000003.partial', Buffer.alloc(SEGMENT))
    bench.storeSegment(two, segment(two), '')
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(bench.warnings.join()).toContain('has only zeros from 0/280000 on')
  })

  it.each([
    ['directory', () => bench.put(two, torn), () => bench.put('000000010000000000000003', Buffer.alloc(SEGMENT))],
    [
      'archive',
      () => bench.storeSegment(two, torn, ''),
      () => bench.storeSegment('000000010000000000000003', Buffer.alloc(SEGMENT), ''),
    ],
  ])('is refused in the %s only when later segments of the timeline are there', async (_place, first, next) => {
    bench.archive()
    first()
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(torn)).toBe(true)
    next()
    await expect(bench.restore(two)).rejects.toThrow(
      expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_SEGMENT_CORRUPT')) as Error,
    )
  })

  it('is delivered when only the next timeline goes on: it may be the one that its timeline was left in', async () => {
    bench.put(two, torn)
    bench.put('000000020000000000000002', segment('000000020000000000000002', { timeline: 2 }))
    bench.put('000000020000000000000003', segment('000000020000000000000003', { timeline: 2 }))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(torn)).toBe(true)
  })
})

it('gives the last bytes of a segment only when its end was found good', async () => {
  const two = '000000010000000000000002'
  async function* plain(): AsyncGenerator<Uint8Array, void, undefined> {
    const torn = segment(two, { written: SEGMENT / 2 })
    for (let at = 0; at < SEGMENT; at += 65_536) yield await Promise.resolve(torn.subarray(at, at + 65_536))
  }
  const given = async (isFollowed: boolean): Promise<number> => {
    const owner = { systemIdentifier: OWNER, walSegmentSize: undefined }
    const wanted = parseWantedFile(two)
    const file = { wanted, description: 'it', owner, isFollowed: () => Promise.resolve(isFollowed) }
    let length = 0
    try {
      for await (const chunk of checkedFile(file, plain())) length += chunk.length
    } catch (error) {
      if (!isWalrError(error, 'WALR_SEGMENT_CORRUPT')) throw error
    }
    return length
  }
  expect(await given(false)).toBe(SEGMENT)
  expect(await given(true)).toBe(SEGMENT - 65_536)
})
