import { patternBytes } from './pattern-bytes.ts'

const CHUNK_BYTES = 65_536
const MEBIBYTE = 1_048_576
/** How often memory is measured: collecting the garbage each time is what makes it exact, and slow. */
const SAMPLE_BYTES = 16 * MEBIBYTE

/**
 * `length` bytes, one mebibyte over and over, as chunks that are made when they are asked for: whoever holds them all
 * holds `length` bytes. `sample` is called every 16 MiB.
 */
export async function* largeStream(length: number, sample: () => void): AsyncGenerator<Uint8Array> {
  const block = patternBytes(MEBIBYTE, 64)
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    await Promise.resolve()
    if (at % SAMPLE_BYTES === 0) sample()
    const start = at % MEBIBYTE
    yield block.slice(start, start + Math.min(CHUNK_BYTES, length - at))
  }
  sample()
}

/**
 * Reads a stream to its end, keeping nothing; `sample` is called at its first chunk, when most may be held, and every 16 MiB.
 * @returns how many bytes it had.
 */
export async function drain(stream: AsyncIterable<Uint8Array>, sample: () => void = () => undefined): Promise<number> {
  let length = 0
  let nextSample = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length < nextSample) continue
    nextSample = length + SAMPLE_BYTES
    sample()
  }
  return length
}
