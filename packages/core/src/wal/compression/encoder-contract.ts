import type { CompressionSuffix } from './compression-suffix.ts'

/** Takes compressed bytes in order. The chunk is the encoder's again once the promise settles. */
export type EmitChunk = (chunk: Uint8Array) => Promise<void>

/**
 * Compresses one segment, off the calling thread. One call at a time: the next one may be made when the promise of the
 * last has settled. After a rejection (`emit`'s, or WALR_INTERNAL of the method) only {@link destroy} is allowed.
 */
export interface SegmentEncoder {
  readonly suffix: CompressionSuffix
  /** Compresses `length` bytes of `bytes` from `offset`. The buffer is borrowed, and free again once this settles. */
  write(bytes: Uint8Array, offset: number, length: number): Promise<void>
  /** When it resolves, all bytes written so far can be decoded from what was emitted. */
  flush(): Promise<void>
  /** Writes the end mark. When it resolves, what was emitted is one complete file. */
  end(): Promise<void>
  /** Frees memory; idempotent, and needed when {@link end} was not reached. Nothing is emitted afterwards. */
  destroy(): void
}
