import { createHash } from 'node:crypto'
import type { ByteSource } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { PartReader, type DigestMeter } from './part-reader.ts'

const signal = new AbortController().signal
const PART = 1000

function sha256(): DigestMeter<string> {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), finish: () => hash.digest('hex') }
}

function inMemory(bytes: Buffer, size = bytes.length): ByteSource & { readonly opened: () => number } {
  let opened = 0
  return {
    size,
    bytes,
    open: async function* () {
      opened += 1
      yield await Promise.resolve(bytes)
    },
    opened: () => opened,
  }
}

describe('an object that lies in memory', () => {
  it.each([0, 1, PART])('of %i bytes is sent from there, without a copy', async (size) => {
    const source = inMemory(Buffer.alloc(size, 'x'))
    const reader = new PartReader(source, PART, sha256)
    const part = await reader.next(signal)
    expect(part.isLast).toBe(true)
    expect(part.bytes.buffer).toBe(source.bytes?.buffer)
    expect(part.bytes.equals(source.bytes ?? Buffer.alloc(1))).toBe(true)
    expect(reader.given).toBe(size)
    await reader.close()
    expect(source.opened()).toBe(0)
  })

  it('has the digests that reading it gives', async () => {
    const source = inMemory(Buffer.from('some bytes'))
    const whole = await new PartReader(source, PART, sha256).next(signal)
    const withoutBytes: ByteSource = { size: source.size, open: () => source.open() }
    const read = await new PartReader(withoutBytes, PART, sha256).next(signal)
    expect(whole).toEqual(read)
  })

  it('and is larger than a part is read in parts', async () => {
    const source = inMemory(Buffer.alloc(PART + 1, 'x'))
    const reader = new PartReader(source, PART, sha256)
    const first = await reader.next(signal)
    expect(first).toMatchObject({ isLast: false })
    expect(first.bytes.length).toBe(PART)
    expect(first.bytes.buffer).not.toBe(source.bytes?.buffer)
    expect(source.opened()).toBe(1)
    await reader.close()
  })

  it('and is not as long as it says is refused', async () => {
    const reader = new PartReader(inMemory(Buffer.alloc(10), 11), PART, sha256)
    await expect(reader.next(signal)).rejects.toMatchObject({ code: 'Permanent' })
  })
})
