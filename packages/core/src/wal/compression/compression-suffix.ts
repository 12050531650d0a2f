/** What a compressed segment's file name ends in, before a possible `.partial`. */
export type CompressionSuffix = '.gz' | '.lz4' | '.zst'
