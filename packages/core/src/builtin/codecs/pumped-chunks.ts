import type { ZlibPump } from '../../wal/compression/zlib-pump.ts'
import { abortableChunks } from '../abortable-chunks.ts'

/** Less than this is not worth a turn of the thread pool. */
const STEP_BYTES = 131_072

/** Sends all of `source` through an encoder and frees it at the end, at an error, and when it is left early. */
export async function* pumpedChunks(
  pump: ZlibPump,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of gathered(abortableChunks(source, signal))) {
      for await (const chunk of pump.write(piece)) {
        yield chunk
        giveBack(chunk)
      }
    }
    for await (const chunk of pump.end()) {
      yield chunk
      giveBack(chunk)
    }
  } finally {
    pump.destroy()
  }
}

/**
 * Gives back the memory of output that has been taken, instead of leaving some megabytes a segment to the next collection
 * of garbage. node:zlib fills one buffer after the other, and is done with one when its last byte was given out.
 */
function giveBack(chunk: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = chunk
  if (!(buffer instanceof ArrayBuffer) || byteOffset + byteLength < buffer.byteLength) return
  // Small buffers come out of a pool that others use, too.
  if (buffer.byteLength >= STEP_BYTES && !buffer.detached) buffer.transfer(0)
}

/** Joins small chunks to larger ones; the chunk given is valid until the next one is asked for. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer: Buffer | undefined
  let filled = 0
  for await (const chunk of source) {
    if (buffer !== undefined && filled > 0 && filled + chunk.length > buffer.length) {
      yield buffer.subarray(0, filled)
      filled = 0
    }
    if (chunk.length >= STEP_BYTES) {
      yield chunk
      continue
    }
    buffer ??= Buffer.allocUnsafe(STEP_BYTES)
    buffer.set(chunk, filled)
    filled += chunk.length
  }
  if (buffer !== undefined && filled > 0) yield buffer.subarray(0, filled)
}
