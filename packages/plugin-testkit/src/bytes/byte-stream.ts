import assert from 'node:assert/strict'
import { patternNumbers } from './pattern-bytes.ts'

/** `bytes` as chunks of `chunkBytes`, each of which stays as it is. */
export async function* chunksOf(bytes: Uint8Array, chunkBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await Promise.resolve()
    yield bytes.slice(at, at + chunkBytes)
  }
}

/** `bytes` cut at random, some chunks empty, some of one byte; the same cuts for the same `seed`. */
export async function* randomChunksOf(bytes: Uint8Array, seed: number): AsyncGenerator<Uint8Array> {
  const next = patternNumbers(seed)
  const longest = Math.max(2, Math.floor(bytes.length / 20))
  for (let at = 0; at < bytes.length;) {
    await Promise.resolve()
    const kind = next() % 4
    const length = kind === 0 ? 0 : kind === 1 ? 1 : next() % longest
    yield bytes.slice(at, at + length)
    at += length
  }
  yield new Uint8Array(0)
}

/** `bytes` as chunks in one buffer that is written over when the next chunk is asked for, as the contract allows. */
export async function* borrowedChunksOf(bytes: Uint8Array, chunkBytes = 65_536): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(chunkBytes)
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await Promise.resolve()
    const chunk = bytes.subarray(at, at + chunkBytes)
    buffer.set(chunk)
    yield buffer.subarray(0, chunk.length)
    buffer.fill(0xdb)
  }
  buffer.fill(0xdb)
}

/** All bytes of a stream, copied before the next chunk is asked for. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk))
  return Buffer.concat(chunks)
}

/** All bytes of a stream; every chunk is written over before the next one is asked for, as its owner may do. */
export async function collectAndOverwrite(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    chunks.push(new Uint8Array(chunk))
    chunk.fill(0xdb)
  }
  return Buffer.concat(chunks)
}

/** Fails with `what`, both lengths and the first byte that differs: far shorter than two buffers in a message. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return
  const shorter = Math.min(actual.length, expected.length)
  let at = 0
  while (at < shorter && actual[at] === expected[at]) at++
  assert.fail(`${what}: ${actual.length} bytes instead of ${expected.length}; the first that differs is at ${at}`)
}
