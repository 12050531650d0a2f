import { crc32, createInflateRaw } from 'node:zlib'
import { CutInput, decodeFault, MalformedInput } from '../../wal/compression/decode-fault.ts'
import { ZlibPump } from '../../wal/compression/zlib-pump.ts'
import { gzipHeaderBytes } from './gzip-header.ts'

const TRAILER_BYTES = 8

/**
 * Decodes exactly one gzip member (RFC 1952) and checks its CRC-32 and size. node:zlib's own gunzip takes a second member
 * for a part of the file, and so cannot tell an object that was written twice over from one that was not.
 * @throws CutInput, MalformedInput; what was decoded before has been given.
 */
export async function* decodeGzipMember(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pump = new ZlibPump(createInflateRaw({ chunkSize: 131_072 }), decodeFault)
  const content = { checksum: 0, size: 0 }
  let header: Buffer | undefined = Buffer.alloc(0)
  let fed = 0
  let trailer: Buffer | undefined
  try {
    for await (const chunk of source) {
      let body = chunk
      if (header !== undefined) {
        header = Buffer.concat([header, chunk])
        const end = gzipHeaderBytes(header)
        if (end === undefined) continue
        body = header.subarray(end)
        header = undefined
      }
      if (trailer === undefined) {
        fed += body.length
        yield* counted(pump.write(body), content)
        if (pump.taken === fed) continue
        body = body.subarray(body.length - (fed - pump.taken))
      }
      trailer = Buffer.concat([trailer ?? Buffer.alloc(0), body])
      if (trailer.length > TRAILER_BYTES) throw new MalformedInput('bytes follow its end')
    }
    if (header !== undefined) throw new CutInput()
    // Only the end of the input tells an unfinished stream from one whose last byte was the last that came.
    if (trailer === undefined) yield* counted(pump.end(), content)
  } finally {
    pump.destroy()
  }
  checkTrailer(trailer, content)
}

interface Content {
  checksum: number
  size: number
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  content: Content,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    content.checksum = crc32(chunk, content.checksum)
    content.size += chunk.length
    yield chunk
  }
}

function checkTrailer(trailer: Buffer | undefined, content: Content): void {
  if (trailer?.length !== TRAILER_BYTES) throw new CutInput()
  if (trailer.readUInt32LE(0) !== content.checksum) throw new MalformedInput('its checksum is wrong')
  if (trailer.readUInt32LE(4) !== content.size % 2 ** 32) throw new MalformedInput('its size is wrong')
}
