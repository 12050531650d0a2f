import { MalformedInput } from '../../wal/compression/decode-fault.ts'

const FIXED_BYTES = 10
/** No program writes names or comments that long; what seems to is not gzip. */
const MAX_BYTES = 131_072
const HAS_CHECKSUM = 2
const HAS_EXTRA = 4
const HAS_NAME = 8
const HAS_COMMENT = 16
const RESERVED = 0b1110_0000

/**
 * How many bytes the header of a gzip member has (RFC 1952, section 2.3); undefined when `bytes` do not hold all of it.
 * @throws MalformedInput when this is no gzip member.
 */
export function gzipHeaderBytes(bytes: Buffer): number | undefined {
  for (const [at, magic] of [0x1f, 0x8b, 8].entries()) {
    if (at < bytes.length && bytes[at] !== magic) throw new MalformedInput('it is not a gzip member')
  }
  if (bytes.length < FIXED_BYTES) return undefined
  const flags = bytes.readUInt8(3)
  if ((flags & RESERVED) !== 0) throw new MalformedInput('its header has a reserved bit')
  let end: number | undefined = FIXED_BYTES
  if ((flags & HAS_EXTRA) !== 0) end = bytes.length < end + 2 ? undefined : end + 2 + bytes.readUInt16LE(end)
  if ((flags & HAS_NAME) !== 0) end = afterText(bytes, end)
  if ((flags & HAS_COMMENT) !== 0) end = afterText(bytes, end)
  if ((flags & HAS_CHECKSUM) !== 0 && end !== undefined) end += 2
  if (end !== undefined && end <= bytes.length) return end
  if (bytes.length > MAX_BYTES) throw new MalformedInput('its header is too long')
  return undefined
}

function afterText(bytes: Buffer, start: number | undefined): number | undefined {
  if (start === undefined) return undefined
  const end = bytes.indexOf(0, start)
  return end < 0 ? undefined : end + 1
}
