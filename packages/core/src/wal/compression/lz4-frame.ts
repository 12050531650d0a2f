/** The LZ4 frame format (version 1.6.x of its specification), as far as encoder and decoder share it. */

/** `04 22 4D 18`, read as a little-endian number. */
export const LZ4_MAGIC = 0x184d_2204

/** Bit of a block's size: the block is stored as it is, not compressed. */
export const LZ4_STORED = 0x8000_0000

/** How far back a linked block may refer. */
export const LZ4_WINDOW_BYTES = 65_536

/** What pg_receivewal writes: version 01, linked blocks of at most 64 KiB, no checksums, no content size; header checksum. */
export const LZ4_SEGMENT_HEADER: Uint8Array = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0)

/** Size zero: no block follows. */
export const LZ4_END_MARK: Uint8Array = new Uint8Array(4)
