import { execFileSync } from 'node:child_process'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { isCodecError, type Codec, type HookContext, type WalrPlugin } from '../../plugins/contract/index.ts'
import { BUILTIN_PLUGINS } from '../index.ts'

const context = { objectKey: 'wal/1', signal: new AbortController().signal }
const corrupt = expect.toSatisfy((error: unknown) => isCodecError(error, 'Corrupt'), 'CodecError Corrupt') as Error

async function codec(name: string, options: Readonly<Record<string, unknown>> = {}): Promise<Codec> {
  const plugin: WalrPlugin | undefined = BUILTIN_PLUGINS.find((each) => each.name === name)
  const made = await plugin?.createCodec?.(plugin.parseOptions(options), {} as HookContext)
  if (made === undefined) throw new Error(`there is no codec ${name}`)
  return made
}
async function* cutInto(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}
async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const chunk of chunks) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies)
}
/** Bytes that compress somewhat, and the same each time. */
function walLike(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0, state = 1; at < length; at++) {
    if (at % 7 === 0) state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = at % 64 < 20 ? state >>> 24 : at % 13
  }
  return bytes
}
const plain = walLike(700_001)

describe.each([
  ['zstd', ['zstd', ['-dc']], (bytes: Buffer) => execFileSync('zstd', ['-c3'], { input: bytes, maxBuffer: 1e8 })],
  ['gzip', ['gzip', ['-dc']], (bytes: Buffer) => execFileSync('gzip', ['-c3'], { input: bytes, maxBuffer: 1e8 })],
] as const)('%s', (name, [program, flags], compress) => {
  it.each([{}, { level: '9' }])('writes what the program of that name reads, with options %j', async (options) => {
    const coded = await all((await codec(name, options)).encode(cutInto(plain, 8192), context))
    expect(execFileSync(program, [...flags], { input: coded, maxBuffer: 1e8 }).equals(plain)).toBe(true)
  })

  it('reads what that program writes, cut anywhere', async () => {
    const made = await codec(name)
    const coded = compress(plain)
    for (const size of [113, 4097, coded.length]) {
      expect((await all(made.decode(cutInto(coded, size), context))).equals(plain)).toBe(true)
    }
  })

  it('tells the end of the object from what follows it, wherever the cuts are', async () => {
    const made = await codec(name)
    const coded = compress(walLike(100))
    for (const more of [Buffer.alloc(1), Buffer.from([0x1f]), compress(walLike(5)), compress(Buffer.alloc(0))]) {
      const whole = Buffer.concat([coded, more])
      for (const size of [1, coded.length, whole.length]) {
        await expect(all(made.decode(cutInto(whole, size), context))).rejects.toEqual(corrupt)
      }
    }
    expect((await all(made.decode(cutInto(coded, coded.length), context))).equals(walLike(100))).toBe(true)
  })

  it('does not wait for a source that is silent once it is aborted', async () => {
    const made = await codec(name)
    for (const direction of ['encode', 'decode'] as const) {
      const stop = new AbortController()
      const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
      const result = expect(all(made[direction](silent, { ...context, signal: stop.signal }))).rejects.toBe('enough')
      stop.abort('enough')
      await result
    }
  })
})

describe('gzip', () => {
  it('reads all that may stand in a header, cut anywhere', async () => {
    const member = gzipSync(walLike(1000))
    const header = Buffer.from(member.subarray(0, 10))
    header[3] = 0b1_1110
    const extra = Buffer.from([3, 0, 1, 2, 3])
    const more = [header, extra, Buffer.from('name\0comment\0'), Buffer.from([9, 9]), member.subarray(10)]
    const made = await codec('gzip')
    for (const size of [1, 7, 2000]) {
      expect((await all(made.decode(cutInto(Buffer.concat(more), size), context))).equals(walLike(1000))).toBe(true)
    }
  })

  it.each([
    ['checksum', 8],
    ['size', 4],
  ])('finds a wrong %s', async (_what, fromEnd) => {
    const coded = gzipSync(walLike(1000))
    coded[coded.length - fromEnd] = (coded[coded.length - fromEnd] ?? 0) ^ 1
    await expect(all((await codec('gzip')).decode(cutInto(coded, 100), context))).rejects.toEqual(corrupt)
  })
})

describe('zstd', () => {
  it('writes a checksum of the content, and finds that it is wrong', async () => {
    const made = await codec('zstd')
    const coded = await all(made.encode(cutInto(plain, 100_000), context))
    expect((coded[4] ?? 0) & 0b100).toBe(0b100)
    coded[coded.length - 1] = (coded[coded.length - 1] ?? 0) ^ 1
    await expect(all(made.decode(cutInto(coded, 100_000), context))).rejects.toEqual(corrupt)
  })

  it('takes the level that is asked for', async () => {
    const sizes = await Promise.all(
      [1, 9].map(
        async (level) => (await all((await codec('zstd', { level })).encode(cutInto(plain, 1e6), context))).length,
      ),
    )
    const direct = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 9 } }).length
    expect(sizes[1]).toBeLessThan(sizes[0] ?? 0)
    expect(Math.abs((sizes[1] ?? 0) - direct)).toBeLessThan(direct / 20)
  })
})
