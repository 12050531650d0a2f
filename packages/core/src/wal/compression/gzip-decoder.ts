import { createGunzip } from 'node:zlib'
import { CutInput, decodeFault, MalformedInput } from './decode-fault.ts'
import { ZlibPump } from './zlib-pump.ts'

/** How a sync flush ends (RFC 1951: an empty stored block). */
const SYNC_MARK = Uint8Array.of(0x00, 0x00, 0xff, 0xff)

/**
 * Decodes gzip members, one or more, and checks their checksums.
 * @param eachFlush gives the decoder what lies between two sync flushes at a time: slower, but a fault then costs nothing
 * that was flushed before it.
 * @throws CutInput, MalformedInput; what was decoded before has been given.
 */
export async function* decodeGzip(
  source: AsyncIterable<Uint8Array>,
  eachFlush: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pump = new ZlibPump(createGunzip({ chunkSize: 131_072 }), decodeFault)
  let fed = 0
  try {
    for await (const piece of eachFlush ? splitAfterSyncMarks(source) : source) {
      if (piece.length === 0) continue
      fed += piece.length
      yield* pump.write(piece)
      if (pump.taken < fed) throw new MalformedInput('bytes follow its end')
    }
    if (fed === 0) throw new CutInput()
    yield* pump.end()
  } finally {
    pump.destroy()
  }
}

async function* splitAfterSyncMarks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let held = Buffer.alloc(0)
  for await (const chunk of source) {
    const bytes = Buffer.concat([held, chunk])
    let from = 0
    for (let mark = bytes.indexOf(SYNC_MARK); mark >= 0; mark = bytes.indexOf(SYNC_MARK, from)) {
      yield bytes.subarray(from, mark + SYNC_MARK.length)
      from = mark + SYNC_MARK.length
    }
    // A mark may be cut between two chunks.
    const kept = Math.max(from, bytes.length - (SYNC_MARK.length - 1))
    if (kept > from) yield bytes.subarray(from, kept)
    held = bytes.subarray(kept)
  }
  if (held.length > 0) yield held
}
