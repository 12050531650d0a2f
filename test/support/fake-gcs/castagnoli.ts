/** The CRC32C of bytes, one byte after another: simpler than the plugin's own code. Base64, as the API has it. */
export function crc32cOf(bytes: Uint8Array): string {
  let state = -1
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; at++) state = (state >>> 8) ^ (TABLE[(state ^ view.getUint8(at)) & 0xff] ?? 0)
  const digest = Buffer.alloc(4)
  digest.writeInt32BE(~state)
  return digest.toString('base64')
}

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})
