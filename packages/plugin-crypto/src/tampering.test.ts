import { randomBytes, randomInt } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { CodecError } from '@walr/core/plugin'
import { ChunkCipher } from './chunk-cipher.ts'
import { unwrapDataKey } from './data-key.ts'
import { encodeHeader, encodeWrapData, parseHeader } from './header-format.ts'
import {
  CHUNK,
  codecOf,
  complaint,
  contextOf,
  decode,
  dissect,
  encode,
  FRAME,
  keyBytes,
  OBJECT_KEY,
  pieces,
  ringOf,
  sampleBytes,
} from './object.fixture.ts'
import { deriveWrappingKey } from './wrapping-key.ts'

const small = sampleBytes(300)
const large = sampleBytes(4 * CHUNK + 100, 2)
let smallObject: Buffer
let object: Buffer
let other: Buffer
let header: Buffer
let frames: readonly Buffer[]
/** Of an object that was written to the same key before. */
let earlier: ReturnType<typeof dissect>
beforeAll(async () => {
  smallObject = await encode(small)
  object = await encode(large)
  other = await encode(large, codecOf(), 'another/key.aes')
  ;({ header, frames } = dissect(object))
  earlier = dissect(await encode(sampleBytes(4 * CHUNK + 100, 3)))
})

/** The frames in another order, behind the object's own header. */
function rearranged(...order: readonly (number | Buffer)[]): Buffer {
  const chosen = order.map((entry) => (typeof entry === 'number' ? (frames[entry] ?? Buffer.alloc(0)) : entry))
  return Buffer.concat([header, ...chosen])
}

describe('damage to an object', () => {
  it('is found wherever it is cut', async () => {
    for (let length = 0; length < smallObject.length; length++) {
      expect(await complaint(smallObject.subarray(0, length)), `${length} bytes`).toMatch(/^Corrupt .*it was cut$/)
    }
  })

  it('is found, and told to be a cut, wherever one with several chunks is cut', async () => {
    const lengths = new Set(frames.flatMap((_, index) => [0, 1, 11, 12, 13, 27, 28, 29].map((n) => n + index * FRAME)))
    for (let n = 0; n < 200; n++) lengths.add(randomInt(object.length - header.length))
    for (const length of [...lengths].filter((n) => n < object.length - header.length)) {
      const cut = object.subarray(0, header.length + length)
      expect(await complaint(cut), `${length} bytes of the body`).toMatch(/^Corrupt .*it was cut$/)
    }
  })

  it('is found when any bit of it flips', async () => {
    for (let bit = 0; bit < smallObject.length * 8; bit++) {
      const flipped = Buffer.from(smallObject)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await complaint(flipped), `bit ${bit}`).toMatch(/^Corrupt /)
    }
  }, 60_000)

  it('is found when any byte becomes any other one, 1,000 times', async () => {
    for (let n = 0; n < 1000; n++) {
      const at = randomInt(object.length)
      const altered = Buffer.from(object)
      altered[at] = (altered[at] ?? 0) ^ randomInt(1, 256)
      expect(await complaint(altered), `byte ${at}`).toMatch(/^Corrupt /)
    }
  }, 60_000)

  it('is found behind the last chunk', async () => {
    for (const more of [Buffer.of(0), randomBytes(FRAME), frames[4] ?? Buffer.alloc(0), object]) {
      expect(await complaint(Buffer.concat([object, more]))).toMatch(/^Corrupt is followed by more bytes/)
    }
  })

  it('gives no byte of the damaged chunk, nor of any behind it', async () => {
    const altered = rearranged(0, 1, flipped(frames[2] ?? Buffer.alloc(0), 100), 3, 4)
    const given: Buffer[] = []
    const reading = (async (): Promise<void> => {
      for await (const piece of codecOf().decode(pieces(altered), contextOf())) given.push(Buffer.from(piece))
    })()
    await expect(reading).rejects.toThrow('chunk 2 that is altered')
    expect(Buffer.concat(given)).toEqual(large.subarray(0, 2 * CHUNK))
  })

  it('names the object', async () => {
    await expect(decode(object.subarray(0, -1))).rejects.toThrow(
      new CodecError('Corrupt', `object "${OBJECT_KEY}" ends within chunk 4, after 115 of its 116 bytes: it was cut`),
    )
  })
})

describe('faults are told apart', () => {
  it.each<readonly [what: string, make: () => Buffer, text: string]>([
    ['an empty object', () => Buffer.alloc(0), 'Corrupt is empty: it was cut'],
    ['another format', () => Buffer.alloc(500, 'x'), 'Corrupt does not begin with "WALRAES"'],
    ['another version', () => patched(object, 7, 2), 'Corrupt has version 2 of the format'],
    ['a damaged header', () => flipped(object, 100), 'Corrupt has a damaged header: its checksum is wrong'],
    ['chunks exchanged', () => rearranged(0, 2, 1, 3, 4), 'Corrupt has chunk 2 in the place of chunk 1'],
    [
      'a chunk missing',
      () => rearranged(0, 2, 3, 4),
      'Corrupt has chunk 2 in the place of chunk 1: chunks are missing',
    ],
    ['the first chunk missing', () => rearranged(1, 2, 3, 4), 'Corrupt has chunk 1 in the place of chunk 0'],
    [
      'a chunk twice',
      () => rearranged(0, 1, 1, 2, 3, 4),
      'Corrupt has chunk 1 in the place of chunk 2: chunks are rep',
    ],
    ['the last chunk missing', () => rearranged(0, 1, 2, 3), 'Corrupt ends before chunk 4, without a last chunk'],
    ['no chunk at all', () => rearranged(), 'Corrupt ends before chunk 0, without a last chunk'],
    ['a last chunk too early', () => rearranged(0, 1, 4), 'Corrupt has chunk 4 in the place of chunk 2'],
    ['a chunk moved to the end', () => rearranged(0, 1, 2, 4, 3), 'Corrupt has chunk 4 in the place of chunk 3'],
    ['chunks behind the last one', () => rearranged(0, 1, 2, 3, 4, 4), 'Corrupt is followed by more bytes'],
    [
      'an altered chunk',
      () => rearranged(0, 1, 2, flipped(at(3), 50), 4),
      'Corrupt has a chunk 3 that is altered: its tag',
    ],
    [
      'a false last flag',
      () => rearranged(0, 1, flipped(at(2), 8, 0x80), 3, 4),
      'Corrupt has a chunk 2 that is altered',
    ],
    [
      'a false number',
      () => rearranged(0, 1, flipped(at(2), 7, 1), 3, 4),
      'Corrupt has a chunk 2 that is altered: it has',
    ],
    [
      'a false length',
      () => rearranged(0, 1, flipped(at(2), 9, 1), 3, 4),
      'Corrupt has a chunk 2 that is altered: its length',
    ],
  ])('%s', async (_, make, text) => {
    expect(await complaint(make())).toContain(text)
  })

  it('an object that was exchanged for another one, or renamed', async () => {
    expect(await complaint(other)).toMatch(/^Corrupt was written under another key/)
    expect(await complaint(object, codecOf(), `${OBJECT_KEY}x`)).toMatch(/^Corrupt was written under another key/)
  })

  it('chunks of another object', async () => {
    const foreign = dissect(other).frames[1] ?? Buffer.alloc(0)
    expect(await complaint(rearranged(0, foreign, 2, 3, 4))).toBe(
      'Corrupt has a chunk 1 that is altered: it has the mark of another object',
    )
    // With the right mark put on, the tag tells.
    const disguised = Buffer.concat([at(1).subarray(0, 4), foreign.subarray(4)])
    expect(await complaint(rearranged(0, disguised, 2, 3, 4))).toBe(
      'Corrupt has a chunk 1 that is altered: its tag is wrong',
    )
  })

  it('the header of another object, also of one with the same object key', async () => {
    expect(await complaint(Buffer.concat([dissect(other).header, ...frames]))).toMatch(/^Corrupt was written under/)
    const exchanged = Buffer.concat([earlier.header, ...frames])
    expect(await complaint(exchanged)).toBe('Corrupt has a chunk 0 that is altered: it has the mark of another object')
    const marks = frames.map((frame) => Buffer.concat([earlier.header.subarray(9, 13), frame.subarray(4)]))
    expect(await complaint(Buffer.concat([earlier.header, ...marks]))).toMatch(/or the header is that of another body$/)
  })

  it('chunks of a length that the format does not allow, though their tags fit', async () => {
    const parsed = parseHeader(header)
    const cipher = new ChunkCipher(unwrapDataKey(parsed, deriveWrappingKey('k1', keyBytes(0))), parsed.binding)
    const frame = (chunkNumber: number, isLast: boolean, length: number): Buffer => {
      const head = { mark: parsed.bodyId.subarray(0, 4), chunkNumber, isLast, length }
      return Buffer.from(cipher.seal(head, Buffer.alloc(length), Buffer.alloc(FRAME + CHUNK)))
    }
    expect(await complaint(rearranged(frame(0, false, CHUNK), frame(1, true, 1)))).toBe('nothing')
    expect(await complaint(rearranged(frame(0, false, CHUNK), frame(1, true, 0)))).toMatch(/chunk 1 .* 0 bytes are not/)
    expect(await complaint(rearranged(frame(0, false, 100), frame(1, true, 1)))).toMatch(/chunk 0 .* 100 bytes are not/)
    expect(await complaint(rearranged(frame(0, false, 0), frame(1, true, 1)))).toMatch(/chunk 0 .* 0 bytes are not/)
    expect(await complaint(rearranged(frame(0, true, CHUNK + 1)))).toMatch(/its length would be 4097, more than 4096$/)
  })

  it('fields of a header that have no meaning, though its checksum fits', async () => {
    const parsed = parseHeader(header)
    const remade = (index: number, value: number): Buffer => {
      const fields = patched(Buffer.from(parsed.wrapData), index, value)
      return Buffer.concat([encodeHeader(fields, parsed.wrapNonce, parsed.wrappedKey), ...frames])
    }
    expect(await complaint(remade(8, 11))).toMatch(/^Corrupt has a damaged header: chunks of 2\^11 bytes$/)
    expect(await complaint(remade(8, 23))).toMatch(/^Corrupt has a damaged header: chunks of 2\^23 bytes$/)
    expect(await complaint(remade(59, 2))).toMatch(/^Corrupt has a damaged header: a key of kind 2$/)
    expect(await complaint(remade(59, 1))).toMatch(/^Corrupt has a damaged header: its key id does not fit$/)
    expect(await complaint(remade(61, 0))).toMatch(/^Corrupt has a damaged header: its key id does not fit$/)
    expect(await complaint(remade(57, 99))).toMatch(/^Corrupt has a damaged header: its length is /)
    // The key slot is bound, too: another size of chunks, and another id of the key.
    expect(await complaint(remade(8, 13))).toMatch(/^Corrupt has a header that was altered/)
    expect(await complaint(remade(62, 0x32))).toMatch(/^Corrupt has a header that was altered/)
    expect(await complaint(remade(25, 0))).toMatch(/^Corrupt was written under another key/)
  })

  it('a cost of scrypt that would take more memory than is allowed', async () => {
    const scrypt = { costLog2: 30, salt: Buffer.alloc(16) }
    const fields = encodeWrapData(header.subarray(0, 57), { keyId: 'p', checkValue: Buffer.alloc(8), scrypt })
    expect(await complaint(encodeHeader(fields, Buffer.alloc(12), Buffer.alloc(48)))).toMatch(
      /^Corrupt has a damaged header: a cost of 2\^30$/,
    )
  })

  it('a wrong key and a missing key, from an altered object', async () => {
    expect(await complaint(object, codecOf(ringOf(['k1', keyBytes(9)])))).toMatch(
      /^WrongKey was encrypted with another key than the one that has the id "k1"/,
    )
    expect(await complaint(object, codecOf(ringOf(['a', keyBytes(9)], ['b', keyBytes(10)])))).toBe(
      'WrongKey needs the key "k1"; the key ring has "a", "b"',
    )
  })
})

function at(index: number): Buffer {
  return frames[index] ?? Buffer.alloc(0)
}

function flipped(bytes: Buffer, index: number, mask = 0x10): Buffer {
  return patched(bytes, index, (bytes[index] ?? 0) ^ mask)
}

function patched(bytes: Buffer, index: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[index] = value
  return copy
}
