import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LONG_HEADER = 0x0002
const HEADER_SYSTEM_IDENTIFIER = 24

/**
 * Gives a stopped cluster that was copied from a template a system identifier of its own, as if initdb had made it: in
 * `pg_control` (`catalog/pg_control.h`: the identifier comes first, the CRC-32C of all before it last) and in the long page
 * headers of its WAL (`access/xlog_internal.h`), which have no checksum.
 */
export function giveFreshSystemIdentifier(dataDirectory: string): void {
  const identifier = randomBytes(8)
  identifier.writeUInt8(identifier.readUInt8(7) & 0x7f, 7)
  const controlPath = join(dataDirectory, 'global/pg_control')
  const control = readFileSync(controlPath)
  const crcOffset = findCrcOffset(control)
  identifier.copy(control)
  control.writeUInt32LE(crc32c(control.subarray(0, crcOffset)), crcOffset)
  writeFileSync(controlPath, control)
  const walDirectory = join(dataDirectory, 'pg_wal')
  for (const name of readdirSync(walDirectory).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    const path = join(walDirectory, name)
    const segment = readFileSync(path)
    if ((segment.readUInt16LE(2) & LONG_HEADER) === 0) continue
    identifier.copy(segment, HEADER_SYSTEM_IDENTIFIER)
    writeFileSync(path, segment)
  }
}

/** The structure's length differs between versions; its checksum shows where it ends. */
function findCrcOffset(control: Buffer): number {
  for (let offset = 200; offset <= 508; offset += 4) {
    if (control.readUInt32LE(offset) === crc32c(control.subarray(0, offset))) return offset
  }
  throw new Error('pg_control has no valid CRC')
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0)
  }
  return (crc ^ 0xffff_ffff) >>> 0
}
