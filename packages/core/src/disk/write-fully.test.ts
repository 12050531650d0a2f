import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { writeFully, writeFullySync } from './write-fully.ts'

/** A file that takes as many bytes a call as the next of `portions` says. */
function reluctantFile(source: Uint8Array, portions: readonly number[]) {
  const contents = Buffer.alloc(64)
  let call = 0
  return {
    contents,
    writeSome(offset: number, length: number, position: number): number {
      const count = Math.min(length, portions[call++ % portions.length] ?? 1)
      contents.set(source.subarray(offset, offset + count), position)
      return count
    },
  }
}

const source = Buffer.from(Array.from({ length: 48 }, (_, index) => index + 1))
const cases = fc.record({
  portions: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
  offset: fc.integer({ min: 0, max: 16 }),
  length: fc.integer({ min: 0, max: 32 }),
  position: fc.integer({ min: 0, max: 16 }),
})

describe('writing fully', () => {
  it('puts every byte in its place however short the single writes are', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ portions, offset, length, position }) => {
        const expected = Buffer.alloc(64)
        expected.set(source.subarray(offset, offset + length), position)
        const range = { path: 'f', offset, length, position }

        const synchronous = reluctantFile(source, portions)
        writeFullySync((at, count, where) => synchronous.writeSome(at, count, where), range)
        expect(synchronous.contents).toEqual(expected)

        const asynchronous = reluctantFile(source, portions)
        await writeFully((at, count, where) => Promise.resolve(asynchronous.writeSome(at, count, where)), range)
        expect(asynchronous.contents).toEqual(expected)
      }),
    )
  })

  it('takes a write of nothing for a full disk', async () => {
    const range = { path: 'some/file', offset: 0, length: 3, position: 0 }
    const full = { code: 'ENOSPC', syscall: 'write', path: 'some/file' }
    expect(() => writeFullySync(() => 0, range)).toThrow(expect.objectContaining(full))
    await expect(writeFully(() => Promise.resolve(0), range)).rejects.toMatchObject(full)
  })
})
