const ZEROS = Buffer.alloc(65_536)

/** How many bytes there are up to the last one that is not zero. In large steps: most of a padded segment passes here. */
export function lengthWithoutZeros(bytes: Uint8Array): number {
  let length = bytes.length
  for (let size = Math.min(length, ZEROS.length); size > 0 && bytes[length - 1] === 0;) {
    if (ZEROS.compare(bytes, length - size, length, 0, size) === 0) {
      length -= size
      size = Math.min(length, size)
    } else size >>>= 1
  }
  return length
}
