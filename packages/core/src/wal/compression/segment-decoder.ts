import { WalrError } from '../../errors/walr-error.ts'
import type { CompressionSuffix } from './compression-suffix.ts'
import { MalformedInput } from './decode-fault.ts'
import { decodeGzip } from './gzip-decoder.ts'
import { decodeLz4 } from './lz4-decoder.ts'
import { decodeZstd } from './zstd-decoder.ts'

/** How {@link decodeSegment} treats a file that does not end as its format wants. */
export interface DecodeOptions {
  /**
   * False: it is an error. True, for a `.partial` file: all that can be decoded is given, then the iteration ends, at an
   * early end as well as at bytes that do not decode, as a crash of the machine may leave behind what was synced.
   */
  readonly tolerateCut: boolean
}

/**
 * Decodes a compressed segment with bounded memory. A chunk that is given may be kept but not changed; a chunk of
 * `source` is borrowed until the next one is pulled. Errors of `source` pass as they are.
 * @throws WalrError WALR_SEGMENT_CORRUPT for an early end, bytes after the end, a wrong checksum, or what is not of this
 * format at all. The bytes that came before are not to be trusted then.
 */
export async function* decodeSegment(
  suffix: CompressionSuffix,
  source: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* decoded(suffix, source, options.tolerateCut)
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error
    if (options.tolerateCut) return
    throw new WalrError('WALR_SEGMENT_CORRUPT', `compressed segment (${suffix}) cannot be decoded: ${error.message}`, {
      hint: 'Fetch the segment from another copy.',
      cause: error,
    })
  }
}

/**
 * How many bytes a finished compressed segment holds, found by decoding all of it: the size that gzip notes at the end of
 * the file says nothing about what is before. Stops early above `limit`, so that the result then only means "more".
 * @throws WalrError WALR_SEGMENT_CORRUPT as {@link decodeSegment}.
 */
export async function decodedSize(
  suffix: CompressionSuffix,
  source: AsyncIterable<Uint8Array>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<number> {
  let size = 0
  for await (const chunk of decodeSegment(suffix, source, { tolerateCut: false })) {
    size += chunk.length
    if (size > limit) break
  }
  return size
}

function decoded(
  suffix: CompressionSuffix,
  source: AsyncIterable<Uint8Array>,
  careful: boolean,
): AsyncIterable<Uint8Array> {
  switch (suffix) {
    case '.gz':
      return decodeGzip(source, careful)
    case '.lz4':
      return decodeLz4(source)
    case '.zst':
      return decodeZstd(source, careful)
  }
}
