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
    for await (const piece of gathered(abortableChunks(source, signal))) yield* pump.write(piece)
    yield* pump.end()
  } finally {
    pump.destroy()
  }
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
