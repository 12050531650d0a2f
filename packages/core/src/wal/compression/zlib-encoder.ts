import { WalrError } from '../../errors/walr-error.ts'
import type { CompressionSuffix } from './compression-suffix.ts'
import type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'
import type { ZlibPump } from './zlib-pump.ts'

/** An encoder over one of node:zlib's streams, which work in libuv's pool. `flushKind` is the stream's sync flush. */
export function createZlibEncoder(
  suffix: CompressionSuffix,
  pump: ZlibPump,
  flushKind: number,
  emit: EmitChunk,
): SegmentEncoder {
  const emitAll = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) await emit(chunk)
  }
  return {
    suffix,
    write: (bytes, offset, length) => emitAll(pump.write(bytes.subarray(offset, offset + length))),
    flush: () => emitAll(pump.flush(flushKind)),
    end: async () => {
      await emitAll(pump.end())
      pump.destroy()
    },
    destroy: () => {
      pump.destroy()
    },
  }
}

/** For {@link ZlibPump}: an encoder takes any bytes, so a failure is nobody's fault but walr's. */
export function compressionFailure(cause: Error): WalrError {
  return new WalrError('WALR_INTERNAL', 'could not compress a segment', { cause })
}
