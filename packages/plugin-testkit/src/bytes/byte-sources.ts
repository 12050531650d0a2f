import type { ByteSource } from '@walr/core/plugin'
import { borrowedChunksOf, chunksOf, randomChunksOf } from './byte-stream.ts'

/** A source of `bytes` that knows its size. */
export function knownSource(bytes: Uint8Array, chunkBytes?: number): ByteSource {
  return { size: bytes.length, open: () => chunksOf(bytes, chunkBytes) }
}

/** A source of `bytes` that does not know its size. */
export function unknownSource(bytes: Uint8Array, chunkBytes?: number): ByteSource {
  return { size: undefined, open: () => chunksOf(bytes, chunkBytes) }
}

/** A source that says `size` and gives `bytes`. */
export function lyingSource(bytes: Uint8Array, size: number): ByteSource {
  return { size, open: () => chunksOf(bytes) }
}

/** A source whose chunks are one buffer, written over when the next one is asked for. */
export function borrowedSource(bytes: Uint8Array, size: number | undefined): ByteSource {
  return { size, open: () => borrowedChunksOf(bytes, 10_007) }
}

/** A source whose chunks are cut at random, some of them empty. */
export function unevenSource(bytes: Uint8Array, seed: number): ByteSource {
  return { size: bytes.length, open: () => randomChunksOf(bytes, seed) }
}

/** A source that gives `bytes` and then throws `error`, though it says to have `size` bytes. */
export function failingSource(bytes: Uint8Array, size: number | undefined, error: Error): ByteSource {
  async function* open(): AsyncGenerator<Uint8Array> {
    yield* chunksOf(bytes)
    throw error
  }
  return { size, open }
}

/** A source that gives `bytes`, calls `reached`, and stays there until `signal` is aborted, with whose reason it ends. */
export function pausingSource(
  bytes: Uint8Array,
  size: number | undefined,
  pause: { readonly signal: AbortSignal; readonly reached: () => void },
): ByteSource {
  async function* open(): AsyncGenerator<Uint8Array> {
    yield* chunksOf(bytes)
    // The signal first: `reached` may abort it.
    const aborted = rejectionOf(pause.signal)
    pause.reached()
    await aborted
  }
  return { size, open }
}

/** A source that gives `bytes`, calls `reached` before the last chunk, and goes on when the promise that gives resolves. */
export function heldSource(bytes: Uint8Array, reached: () => Promise<void>): ByteSource {
  async function* open(): AsyncGenerator<Uint8Array> {
    const last = Math.max(0, bytes.length - 1)
    yield* chunksOf(bytes.subarray(0, last))
    await reached()
    yield bytes.slice(last)
  }
  return { size: bytes.length, open }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail, { once: true })
  })
}
