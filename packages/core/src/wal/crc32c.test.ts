import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CRC32C_START, finishCrc32c, joinCrc32c, updateCrc32c } from './crc32c.ts'

function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return finishCrc32c(updateCrc32c(CRC32C_START, bytes, view, 0, bytes.length))
}

/** Bit by bit, as the definition has it. */
function slowChecksum(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78
  }
  return ~crc >>> 0
}

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4.
  it.each([
    ['zeros', Buffer.alloc(32), 0x8a91_36aa],
    ['ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
    ['incrementing bytes', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd_794e],
    ['the check value', Buffer.from('123456789'), 0xe306_9283],
    ['nothing', Buffer.alloc(0), 0],
  ])('of %s', (_what, bytes, expected) => {
    expect(checksum(bytes)).toBe(expected)
  })

  it('is that of the definition, whatever the length and wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(7), (bytes, cut, offset) => {
        const at = Math.min(cut, bytes.length)
        const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
        const view = new DataView(shifted.buffer, shifted.byteOffset, shifted.length)
        const [from, middle, end] = [offset, offset + at, shifted.length]
        const first = updateCrc32c(CRC32C_START, shifted, view, from, middle)
        expect(finishCrc32c(updateCrc32c(first, shifted, view, middle, end))).toBe(slowChecksum(bytes))
        const second = updateCrc32c(0, shifted, view, middle, end)
        expect(finishCrc32c(joinCrc32c(first, second, end - middle))).toBe(slowChecksum(bytes))
      }),
    )
  })

  it('is joined over a length of more than 2^31 bits', () => {
    const half = Buffer.alloc(65_536, 7)
    const view = new DataView(half.buffer, half.byteOffset, half.length)
    const zerosAtOnce = joinCrc32c(updateCrc32c(CRC32C_START, half, view, 0, half.length), 0, 1_073_741_824)
    let zerosStepwise = updateCrc32c(CRC32C_START, half, view, 0, half.length)
    for (let step = 0; step < 1024; step += 1) zerosStepwise = joinCrc32c(zerosStepwise, 0, 1_048_576)
    expect(zerosAtOnce).toBe(zerosStepwise)
  })
})
