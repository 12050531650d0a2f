/** What a compressed segment's file name ends in, before a possible `.partial`. */
export type CompressionSuffix = '.gz' | '.lz4' | '.zst'

/** All that there are, in the order in which they are looked for. */
export const COMPRESSION_SUFFIXES: readonly CompressionSuffix[] = ['.gz', '.lz4', '.zst']
