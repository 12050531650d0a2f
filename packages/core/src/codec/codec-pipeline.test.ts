import { describe, expect, it } from 'vitest'
import { CodecPipeline } from './codec-pipeline.ts'
import { collect, FramedCodec, once } from './scripted-codec.fixture.ts'

const context = { objectKey: 'main/1/wal/x', signal: new AbortController().signal }
const plain = Buffer.from('some write-ahead log')
const zip = new FramedCodec('.zip')
const lock = new FramedCodec('.lock', 'encryption', 1)
const seal = new FramedCodec('.seal', 'encryption', 2)

const through = (pipeline: CodecPipeline): Promise<Buffer> => collect(pipeline.encode(once(plain), context))
const back = (pipeline: CodecPipeline, suffixes: string, coded: Uint8Array): Promise<Buffer> =>
  collect(pipeline.decode(suffixes, once(coded), context))

describe('a pipeline of codecs', () => {
  it('leaves bytes as they are when there is none, and their names too', async () => {
    const none = new CodecPipeline([], [])
    expect(none.suffix).toBe('')
    expect(await through(none)).toEqual(plain)
    expect(await back(none, '', plain)).toEqual(plain)
  })

  it('compresses before it encrypts, whatever the order of the configuration', async () => {
    for (const order of [
      [zip, lock],
      [lock, zip],
    ]) {
      const pipeline = new CodecPipeline(order, [])
      expect(pipeline.suffix).toBe('.zip.lock')
      const byHand = await collect(lock.encode(zip.encode(once(plain))))
      expect(await through(pipeline)).toEqual(byHand)
      expect(await back(pipeline, '.zip.lock', byHand)).toEqual(plain)
    }
  })

  it('keeps the order of the configuration among codecs of one kind', () => {
    expect(new CodecPipeline([seal, lock, zip], []).suffix).toBe('.zip.seal.lock')
    expect(new CodecPipeline([lock, seal, zip], []).suffix).toBe('.zip.lock.seal')
  })

  it('reads by the name of the object, and not by what is configured', async () => {
    const old = await through(new CodecPipeline([zip, seal], []))
    const now = new CodecPipeline([lock], [zip, seal])
    expect(now.suffix).toBe('.lock')
    expect(await back(now, '.zip.seal', old)).toEqual(plain)
    expect(await back(now, '', plain)).toEqual(plain)
  })

  it('decodes in the order of the name, not in another one', async () => {
    const coded = await through(new CodecPipeline([zip, lock], []))
    await expect(back(new CodecPipeline([zip, lock], []), '.lock.zip', coded)).rejects.toMatchObject({
      code: 'WrongKey',
    })
  })

  it('reads with the codec that writes when both have the suffix: it has the current keys', async () => {
    const newer = new FramedCodec('.lock', 'encryption', 9)
    const pipeline = new CodecPipeline([newer], [lock])
    expect(await back(pipeline, '.lock', await through(pipeline))).toEqual(plain)
    const older = await through(new CodecPipeline([lock], []))
    await expect(back(pipeline, '.lock', older)).rejects.toMatchObject({ code: 'WrongKey' })
  })

  it('reads with the first of several readers of one suffix', async () => {
    const coded = await through(new CodecPipeline([lock], []))
    expect(
      await back(new CodecPipeline([], [lock, new FramedCodec('.lock', 'encryption', 7)]), '.lock', coded),
    ).toEqual(plain)
  })

  it('is refused when two that write have one suffix, and names both', () => {
    const twin = new FramedCodec('.zip', 'compression', 3)
    const make = (): CodecPipeline => new CodecPipeline([zip, twin], [])
    expect(make).toThrow(expect.objectContaining({ code: 'WALR_CONFIG' }))
    expect(make).toThrow(/"framed\.zip\/90" and "framed\.zip\/3" both have the suffix "\.zip"/)
  })

  it.each(['.foo', '.zip.foo', '.foo.zip', 'zip', '.ZIP', '.', '..', '.zip.', '.toolongsuffix', '.z-p', '.zip/..'])(
    'refuses an object whose name ends in %j, and says where codecs for reading go',
    (suffixes) => {
      const decode = (): unknown => new CodecPipeline([zip], []).decode(suffixes, once(plain), context)
      expect(decode).toThrow(expect.objectContaining({ code: 'WALR_CONFIG' }))
      expect(decode).toThrow(/main\/1\/wal\/x/)
      expect(decode).toThrow(expect.objectContaining({ hint: expect.stringContaining('archive.readCodecs') as string }))
    },
  )

  it('passes errors of its input through as they are, both ways', async () => {
    const fault = new Error('the disk is gone')
    // eslint-disable-next-line @typescript-eslint/require-await -- the codecs want an asynchronous source
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield plain
      throw fault
    }
    const pipeline = new CodecPipeline([zip, lock], [])
    await expect(collect(pipeline.encode(broken(), context))).rejects.toBe(fault)
    await expect(collect(pipeline.decode('.zip.lock', broken(), context))).rejects.toBe(fault)
  })
})
