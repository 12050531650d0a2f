import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'

/** The segment size of the segments made here, in bytes. */
export const SEGMENT = 1_048_576

/** The system identifier of the cluster that they are of. */
export const CLUSTER = 7_710_454_860_644_512_687n

/** A segment as a server writes it: page header, some bytes, zeros. */
export function segment(name: string, options: { cluster?: bigint; timeline?: number; written?: number } = {}): Buffer {
  const bytes = Buffer.alloc(SEGMENT)
  bytes.writeUInt16LE(0xd118, 0)
  bytes.writeUInt16LE(2, 2)
  bytes.writeUInt32LE(options.timeline ?? 1, 4)
  bytes.writeBigUInt64LE(BigInt(Number.parseInt(name.slice(16), 16)) * BigInt(SEGMENT), 8)
  bytes.writeBigUInt64LE(options.cluster ?? CLUSTER, 24)
  bytes.writeUInt32LE(SEGMENT, 32)
  bytes.writeUInt32LE(8192, 36)
  for (let at = 40; at < (options.written ?? SEGMENT); at++) bytes[at] = 1 + (at % 251)
  return bytes
}

/** What a file with each suffix holds. */
export const encode: Readonly<Record<'' | '.gz' | '.lz4' | '.zst', (bytes: Buffer) => Buffer>> = {
  '': (bytes: Buffer) => bytes,
  '.gz': (bytes: Buffer) => gzipSync(bytes, { level: 1 }),
  '.lz4': (bytes: Buffer) => compressFrameSync(bytes, { contentChecksum: true }),
  '.zst': (bytes: Buffer) => zstdCompressSync(bytes),
}
export const suffixes: readonly ['', '.gz', '.lz4', '.zst'] = ['', '.gz', '.lz4', '.zst']
