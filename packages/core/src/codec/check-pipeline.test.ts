import { describe, expect, it } from 'vitest'
import type { Codec } from '../plugins/contract/index.ts'
import { checkPipeline } from './check-pipeline.ts'
import { CodecPipeline } from './codec-pipeline.ts'
import { FramedCodec } from './scripted-codec.fixture.ts'

const { signal } = new AbortController()
const good = new FramedCodec('.lock', 'encryption')
const check = (...codecs: Codec[]): Promise<void> => checkPipeline(new CodecPipeline(codecs, []), signal)

/** As `good`, but what it decodes is changed on the way. */
function decodingTo(change: (bytes: Uint8Array) => Uint8Array): Codec {
  return {
    id: 'odd',
    kind: 'encryption',
    suffix: '.odd',
    encode: (plain) => good.encode(plain),
    decode: async function* (coded) {
      for await (const chunk of good.decode(coded)) yield change(chunk)
    },
  }
}

describe('the check of a pipeline before it is used', () => {
  it('is passed by codecs that give back what they were given, and by none at all', async () => {
    await check(new FramedCodec('.zip'), good)
    await check()
  })

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['another byte', (bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1)],
    ['a byte less', (bytes) => bytes.subarray(0, -1)],
    ['a byte more', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['nothing', () => new Uint8Array(0)],
  ])('is failed by a codec that gives back %s', async (_, change) => {
    await expect(check(decodingTo(change))).rejects.toMatchObject({
      code: 'WALR_KEY',
      hint: expect.stringContaining('Nothing was archived') as string,
    })
  })

  it('passes on what a codec itself throws', async () => {
    const other = new FramedCodec('.lock', 'encryption', 1)
    const mismatched: Codec = {
      id: 'mismatched',
      kind: 'encryption',
      suffix: '.lock',
      encode: (plain) => good.encode(plain),
      decode: (coded) => other.decode(coded),
    }
    await expect(check(mismatched)).rejects.toMatchObject({ name: 'CodecError', code: 'WrongKey' })
  })
})
