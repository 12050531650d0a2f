import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { isWalSegmentSize, parseWalSegmentSize, toWalSegmentSize } from './wal-segment-size.ts'

const refused = expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_WRONG_SEGMENT_SIZE')) as Error

describe('a WAL segment size', () => {
  it('is one of eleven powers of two from 1 MiB to 1 GiB', () => {
    const sizes = Array.from({ length: 11 }, (_, index) => 2 ** (20 + index))
    expect(sizes.every(isWalSegmentSize)).toBe(true)
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.double(), fc.constantFrom(2 ** 19, 2 ** 31, 2 ** 52)), (bytes) => {
        expect(isWalSegmentSize(bytes)).toBe(sizes.includes(bytes))
      }),
    )
  })

  it.each([
    ['1MB', 1_048_576],
    ['16MB', 16_777_216],
    ['64MB', 67_108_864],
    ['1GB', 1_073_741_824],
  ])('is read from the answer %s to SHOW wal_segment_size', (text, bytes) => {
    expect(parseWalSegmentSize(text)).toBe(bytes)
  })

  it.each(['', '16', 'MB', '16 MB', '16mb', '16384kB', '-16MB', '16MB ', '3MB', '0MB', '2GB'])(
    'is not read from %j',
    (text) => {
      expect(() => parseWalSegmentSize(text)).toThrow(refused)
    },
  )

  it('names the value that it refuses', () => {
    expect(() => toWalSegmentSize(3_145_728)).toThrow('between 1 MB and 1 GB, but the value is 3145728 bytes')
  })
})
