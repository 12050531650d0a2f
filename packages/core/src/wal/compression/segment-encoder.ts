import type { ActiveCompressionSpec } from './compression-spec.ts'
import type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'
import { createGzipEncoder } from './gzip-encoder.ts'
import { createLz4Encoder } from './lz4-encoder.ts'
import { createZstdEncoder } from './zstd-encoder.ts'

export type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'

/** An encoder for one segment, with the format that pg_receivewal writes for the same method. */
export function createSegmentEncoder(spec: ActiveCompressionSpec, emit: EmitChunk): SegmentEncoder {
  switch (spec.method) {
    case 'gzip':
      return createGzipEncoder(spec, emit)
    case 'lz4':
      return createLz4Encoder(emit)
    case 'zstd':
      return createZstdEncoder(spec, emit)
  }
}
