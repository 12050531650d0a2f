import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { toLsn } from './lsn.ts'
import { findSeam, seamDifference, type Seam } from './seam.ts'
import { SEGMENT, segmentBytes, segmentLsn, TIMELINE_1 } from './wal-bytes.fixture.ts'

const place = { name: 'a file', timelineId: TIMELINE_1, startLsn: segmentLsn(5) }

/** A segment of which so many bytes have come, in chunks that fit to nothing. */
async function* received(length: number, total: number = SEGMENT): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.alloc(total)
  segmentBytes(5).copy(bytes, 0, 0, length)
  for (let at = 0; at < total; at += 5000) yield await Promise.resolve(bytes.subarray(at, at + 5000))
}
const seamOf = (length: number, total?: number): Promise<Seam | undefined> => findSeam(received(length, total), place)

describe('the seam of a segment', () => {
  it.each([
    ['in its first page', 100, 40],
    ['at the end of its first page', 8192, 40],
    ['in its second page', 8192 + 41, 40],
    ['in a page in the middle', 500_000, 491_520],
    ['at its end', SEGMENT, SEGMENT - 16_384],
  ])('that ends %s', async (_, length, first) => {
    const seam = await seamOf(length)
    expect(seam?.startLsn).toBe(segmentLsn(5, first))
    expect(Buffer.from(seam?.bytes ?? []).equals(withoutZeros(segmentBytes(5).subarray(first, length)))).toBe(true)
  })

  it('is the same of a file that was never padded', async () => {
    expect(await seamOf(500_000, 500_000)).toEqual(await seamOf(500_000))
  })

  it('does not begin in a page that has nothing but its header, and is not there without another', async () => {
    expect((await seamOf(16_384 + 24))?.startLsn).toBe(segmentLsn(5, 40))
    expect((await seamOf(16_384 + 24))?.bytes.length).toBeLessThanOrEqual(16_384)
    for (const length of [0, 24, 40]) expect(await seamOf(length)).toBeUndefined()
    expect(await seamOf(0, 0)).toBeUndefined()
  })

  it('of a doubtful file ends before the last page that has its own address: there may be garbage in that one', async () => {
    const bytes = Buffer.from(segmentBytes(5).subarray(0, 100_000))
    for (let page = 0; page * 8192 < bytes.length; page += 1) {
      bytes.writeBigUInt64LE(page < 6 ? segmentLsn(5, page * 8192) : 7n, page * 8192 + 8)
    }
    const doubtful = { ...place, doubtful: true }
    const seam = await findSeam(Readable.from([bytes]), doubtful)
    expect(seam?.startLsn).toBe(segmentLsn(5, 4 * 8192))
    expect(Buffer.from(seam?.bytes ?? []).equals(withoutZeros(bytes.subarray(4 * 8192, 5 * 8192)))).toBe(true)
    expect(await findSeam(Readable.from([bytes.subarray(0, 8192)]), doubtful)).toBeUndefined()
    expect(await findSeam(Readable.from([bytes.subarray(6 * 8192)]), doubtful)).toBeUndefined()
  })

  it('ends where the bytes no longer count', async () => {
    const seam = await findSeam(received(SEGMENT), { ...place, endLsn: segmentLsn(5, 20_000) })
    expect(seam?.startLsn).toBe(segmentLsn(5, 8192))
    expect(Buffer.from(seam?.bytes ?? []).equals(withoutZeros(segmentBytes(5).subarray(8192, 20_000)))).toBe(true)
  })
})

describe('the comparison of a seam', () => {
  const server = segmentBytes(5)

  it('finds nothing where both are the same, whatever the server has behind it', async () => {
    const seam = await seamOf(500_000)
    expect(seam && seamDifference(seam, server.subarray(491_520, 600_000))).toBeUndefined()
  })

  it('finds each byte that differs, and each that the server lacks', async () => {
    const seam = (await seamOf(12_000)) ?? expect.unreachable()
    for (const at of [0, 1, 468, 472, 8192, 11_956]) {
      const other = Buffer.from(server.subarray(40))
      other[at] = (other[at] ?? 0) ^ 0x80
      expect(seamDifference(seam, other)).toBe(segmentLsn(5, 40 + at))
    }
    expect(seamDifference(seam, server.subarray(40, 5000))).toBe(segmentLsn(5, 5000))
  })

  it('takes no offence at sectors that a loss of power has left as zeros, or cut', () => {
    const bytes = Buffer.from(server.subarray(8192, 16_384))
    bytes.fill(0, 512, 1024)
    bytes.fill(0, 2048 + 100, 2048 + 512)
    const seam = { ...place, startLsn: toLsn(segmentLsn(5) + 8192n), bytes }
    expect(seamDifference(seam, server.subarray(8192))).toBeUndefined()
  })
})

function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length
  while (bytes[end - 1] === 0) end -= 1
  return bytes.subarray(0, end)
}
