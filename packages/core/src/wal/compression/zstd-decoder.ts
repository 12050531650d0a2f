import { createZstdDecompress } from 'node:zlib'
import { CutInput, decodeFault, MalformedInput } from './decode-fault.ts'
import { ZlibPump } from './zlib-pump.ts'
import { ZstdFrameWalker } from './zstd-frame-walker.ts'

/** Each chunk is a hand-over to another thread: fewer of them cost a third less than with 128 KiB. */
const CHUNK_BYTES = 524_288 // 512 KiB

/**
 * Decodes one zstd frame. The checksum in it is checked, when it has one.
 * @param eachBlock gives the decoder one block at a time: slower, but a fault then costs no block before it.
 * @throws CutInput, MalformedInput; what was decoded before has been given.
 */
export async function* decodeZstd(
  source: AsyncIterable<Uint8Array>,
  eachBlock: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pump = new ZlibPump(createZstdDecompress({ chunkSize: CHUNK_BYTES }), decodeFault)
  const walker = new ZstdFrameWalker()
  try {
    for await (const chunk of source) {
      for (let from = 0; from < chunk.length;) {
        if (walker.isFinished()) throw new MalformedInput('bytes follow its end')
        let to = walker.walk(chunk, from)
        while (!eachBlock && !walker.isFinished() && to < chunk.length) to = walker.walk(chunk, to)
        yield* pump.write(chunk.subarray(from, to))
        from = to
      }
    }
    if (!walker.isFinished()) throw new CutInput()
    yield* pump.end()
  } finally {
    pump.destroy()
  }
}
