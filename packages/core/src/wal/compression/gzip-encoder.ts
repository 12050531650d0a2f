import { constants, createGzip } from 'node:zlib'
import type { ActiveCompressionSpec } from './compression-spec.ts'
import type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'
import { compressionFailure, createZlibEncoder } from './zlib-encoder.ts'
import { ZlibPump } from './zlib-pump.ts'

/** One gzip member with neither time nor name, as pg_receivewal writes it. */
export function createGzipEncoder(spec: ActiveCompressionSpec, emit: EmitChunk): SegmentEncoder {
  const stream = createGzip({ level: spec.level ?? constants.Z_DEFAULT_COMPRESSION, chunkSize: 65_536 })
  return createZlibEncoder('.gz', new ZlibPump(stream, compressionFailure), constants.Z_SYNC_FLUSH, emit)
}
