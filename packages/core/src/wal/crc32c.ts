/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78 | 0
/** How many bytes a round of {@link updateCrc32c} takes. */
const ROUND = 16

/** What an empty input has; {@link finishCrc32c} makes a checksum of it. */
export const CRC32C_START = -1

/** Row by row for a byte that has 0 to 15 bytes behind it in its round. */
const tables = makeTables()
/** x to the power of 2^n, modulo the polynomial. */
const powers = makePowers()

/**
 * Takes bytes into a CRC-32C (iSCSI, PostgreSQL's `pg_crc32c`). It works on the register: begin with {@link CRC32C_START}, end
 * with {@link finishCrc32c}. Records are short: calls of native code cost more than they gain.
 * @param view of all of `bytes`.
 */
export function updateCrc32c(register: number, bytes: Uint8Array, view: DataView, from: number, end: number): number {
  let crc = register
  let at = from
  for (const last = end - ROUND; at <= last; at += ROUND) {
    const a = crc ^ view.getInt32(at, true)
    const b = view.getInt32(at + 4, true)
    const c = view.getInt32(at + 8, true)
    const d = view.getInt32(at + 12, true)
    crc =
      (tables[3840 + (a & 255)] ?? 0) ^
      (tables[3584 + ((a >>> 8) & 255)] ?? 0) ^
      (tables[3328 + ((a >>> 16) & 255)] ?? 0) ^
      (tables[3072 + (a >>> 24)] ?? 0) ^
      (tables[2816 + (b & 255)] ?? 0) ^
      (tables[2560 + ((b >>> 8) & 255)] ?? 0) ^
      (tables[2304 + ((b >>> 16) & 255)] ?? 0) ^
      (tables[2048 + (b >>> 24)] ?? 0) ^
      (tables[1792 + (c & 255)] ?? 0) ^
      (tables[1536 + ((c >>> 8) & 255)] ?? 0) ^
      (tables[1280 + ((c >>> 16) & 255)] ?? 0) ^
      (tables[1024 + (c >>> 24)] ?? 0) ^
      (tables[768 + (d & 255)] ?? 0) ^
      (tables[512 + ((d >>> 8) & 255)] ?? 0) ^
      (tables[256 + ((d >>> 16) & 255)] ?? 0) ^
      (tables[d >>> 24] ?? 0)
  }
  for (; end - at >= 4; at += 4) {
    const a = crc ^ view.getInt32(at, true)
    crc =
      (tables[768 + (a & 255)] ?? 0) ^
      (tables[512 + ((a >>> 8) & 255)] ?? 0) ^
      (tables[256 + ((a >>> 16) & 255)] ?? 0) ^
      (tables[a >>> 24] ?? 0)
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  return crc
}

/** The checksum, as an unsigned number. */
export function finishCrc32c(register: number): number {
  return ~register >>> 0
}

/**
 * What the register is behind further bytes, of which only their own register is known, begun with 0: a record that two workers
 * have read the halves of.
 * @param length how many bytes they were.
 */
export function joinCrc32c(register: number, next: number, length: number): number {
  return multiply(powerOfBytes(length), register) ^ next
}

function makeTables(): Int32Array {
  const made = new Int32Array(ROUND * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL
    made[byte] = crc
  }
  for (let index = 256; index < made.length; index += 1) {
    const crc = made[index - 256] ?? 0
    made[index] = (crc >>> 8) ^ (made[crc & 255] ?? 0)
  }
  return made
}

function makePowers(): Int32Array {
  // Enough for any number of bytes.
  const made = new Int32Array(56)
  made[0] = 1 << 30
  for (let index = 1; index < made.length; index += 1) {
    const half = made[index - 1] ?? 0
    made[index] = multiply(half, half)
  }
  return made
}

/** x to the power of 8 * `length`: what that many zeros do to a register. */
function powerOfBytes(length: number): number {
  let product = 1 << 31
  for (let rest = length, bit = 3; rest > 0; rest = Math.floor(rest / 2), bit += 1) {
    if (rest % 2 === 1) product = multiply(powers[bit] ?? 0, product)
  }
  return product
}

/** Of polynomials with reversed bits, modulo the one of the checksum. */
function multiply(one: number, other: number): number {
  let product = 0
  let shifted = other
  for (let mask = 1 << 31; mask !== 0; mask >>>= 1) {
    if ((one & mask) !== 0) product ^= shifted
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL
  }
  return product
}
