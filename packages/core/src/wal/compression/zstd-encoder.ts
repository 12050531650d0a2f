import { constants, createZstdCompress } from 'node:zlib'
import type { ActiveCompressionSpec } from './compression-spec.ts'
import type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'
import { compressionFailure, createZlibEncoder } from './zlib-encoder.ts'
import { ZlibPump } from './zlib-pump.ts'

const DEFAULT_LEVEL = 1

/** One zstd frame with a checksum of its content. */
export function createZstdEncoder(spec: ActiveCompressionSpec, emit: EmitChunk): SegmentEncoder {
  const stream = createZstdCompress({
    chunkSize: 65_536,
    params: {
      [constants.ZSTD_c_compressionLevel]: spec.level ?? DEFAULT_LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_nbWorkers]: spec.workers ?? 0,
      [constants.ZSTD_c_enableLongDistanceMatching]: spec.long === true ? 1 : 0,
    },
  })
  return createZlibEncoder('.zst', new ZlibPump(stream, compressionFailure), constants.ZSTD_e_flush, emit)
}
