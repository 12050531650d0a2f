import { describe, expect, it } from 'vitest'
import { Crc32c } from './crc32c.ts'

function crc32c(...pieces: readonly Uint8Array[]): string {
  const checksum = new Crc32c()
  for (const piece of pieces) checksum.update(piece)
  return checksum.finish().toString('hex')
}

describe('CRC32C', () => {
  // the vectors of RFC 3720, B.4, lowest byte first there
  it.each([
    ['nothing', Buffer.alloc(0), '00000000'],
    ['the nine digits', Buffer.from('123456789'), 'e3069283'],
    ['32 zeros', Buffer.alloc(32), '8a9136aa'],
    ['32 ones', Buffer.alloc(32, 0xff), '62a8ab43'],
    ['ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, byte) => byte)), '46dd794e'],
    ['descending bytes', Buffer.from(Array.from({ length: 32 }, (_, byte) => 31 - byte)), '113fdb5c'],
  ])('of %s is the one of the standard', (_what, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  it('does not depend on how the bytes are cut, nor on where they lie', () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => (index * 37) & 0xff))
    const whole = crc32c(bytes)
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(crc32c(bytes.subarray(0, cut), bytes.subarray(cut))).toBe(whole)
    const shifted = Buffer.concat([Buffer.from('x'), bytes]).subarray(1)
    expect(crc32c(shifted)).toBe(whole)
  })

  it('may be asked for in between, of what there was so far', () => {
    const checksum = new Crc32c()
    checksum.update(Buffer.from('123456789'))
    expect(checksum.finish().toString('hex')).toBe('e3069283')
    checksum.update(Buffer.from('x'))
    expect(checksum.finish().toString('hex')).toBe(crc32c(Buffer.from('123456789x')))
  })
})
