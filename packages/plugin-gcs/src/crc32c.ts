import type { DigestMeter } from '@walr/plugin-kit/storage'

/** Castagnoli's polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78
/** Bytes that one round of the loop takes. */
const SLICES = 8

/** Table `n` is of a byte that is followed by `n` others: one lookup for each of eight bytes, instead of one after another. */
const tables = new Int32Array(SLICES * 256)
for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0)
  tables[byte] = value
}
for (let index = 256; index < tables.length; index++) {
  const before = at(index - 256)
  tables[index] = (before >>> 8) ^ at(before & 0xff)
}

/** Computes the CRC32C of bytes while they pass. Node has CRC32 only. */
export class Crc32c implements DigestMeter<Buffer> {
  #state = -1

  update(bytes: Uint8Array): void {
    let state = this.#state
    const { buffer, byteOffset, length } = bytes
    const view = new DataView(buffer, byteOffset, length)
    const rounded = length - (length % SLICES)
    let position = 0
    for (; position < rounded; position += SLICES) {
      const low = state ^ view.getInt32(position, true)
      const high = view.getInt32(position + 4, true)
      state =
        at(0x700 | (low & 0xff)) ^
        at(0x600 | ((low >>> 8) & 0xff)) ^
        at(0x500 | ((low >>> 16) & 0xff)) ^
        at(0x400 | (low >>> 24)) ^
        at(0x300 | (high & 0xff)) ^
        at(0x200 | ((high >>> 8) & 0xff)) ^
        at(0x100 | ((high >>> 16) & 0xff)) ^
        at(high >>> 24)
    }
    for (; position < length; position++) state = (state >>> 8) ^ at((state ^ view.getUint8(position)) & 0xff)
    this.#state = state
  }

  /** Four bytes, the highest first, of everything so far; more may follow. */
  finish(): Buffer {
    const digest = Buffer.alloc(4)
    digest.writeInt32BE(~this.#state)
    return digest
  }
}

function at(index: number): number {
  return tables[index] ?? 0
}
