import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CRC32C_START, finishCrc32c, updateCrc32c } from '../wal/crc32c.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import { pagedSegment } from './archiver.fixture.ts'

/** The data directory of an invented server, as far as an archive command looks at it. */
export class InventedServer {
  readonly dataDirectory: string = mkdtempSync(join(tmpdir(), 'walr-server-'))
  readonly walDirectory: string = join(this.dataDirectory, 'pg_wal')

  constructor() {
    mkdirSync(join(this.dataDirectory, 'global'))
    mkdirSync(join(this.walDirectory, 'archive_status'), { recursive: true })
    const control = Buffer.alloc(8192)
    control.writeBigUInt64LE(BigInt(CLUSTER))
    writeFileSync(join(this.dataDirectory, 'global', 'pg_control'), control)
    writeFileSync(join(this.dataDirectory, 'PG_VERSION'), '18\n')
    this.start(1_795_314_655)
  }

  /** As when the postmaster starts. */
  start(startTime: number): void {
    const lines = ['4711', this.dataDirectory, startTime, '5432', '/tmp', 'localhost', '1 2', 'ready']
    writeFileSync(join(this.dataDirectory, 'postmaster.pid'), `${lines.join('\n')}\n`)
  }

  /** A finished segment that waits to be archived. @returns its name. */
  finish(segmentNumber: number, timelineId = 1, salt = 0): string {
    return this.ready(segmentName(segmentNumber, timelineId), pagedSegment(segmentNumber, timelineId, salt))
  }

  /** Another file of pg_wal that waits. @returns its name. */
  ready(name: string, content: Uint8Array | string): string {
    this.write(name, content)
    writeFileSync(join(this.walDirectory, 'archive_status', `${name}.ready`), '')
    return name
  }

  write(name: string, content: Uint8Array | string): void {
    writeFileSync(join(this.walDirectory, name), content)
  }

  /** What PostgreSQL does when its command has ended well. */
  done(name: string): void {
    const status = join(this.walDirectory, 'archive_status', name)
    renameSync(`${status}.ready`, `${status}.done`)
  }

  /** What PostgreSQL does with a file that it no longer needs. */
  recycle(name: string): void {
    rmSync(join(this.walDirectory, 'archive_status', `${name}.done`))
    rmSync(join(this.walDirectory, name))
  }

  /** Names of the files for which there are acknowledgements. */
  get acknowledged(): readonly string[] {
    return this.acknowledgements.map((name) => name.slice(0, name.lastIndexOf('.')))
  }

  /** Names of the acknowledgements' own files. */
  get acknowledgements(): readonly string[] {
    try {
      return readdirSync(join(this.walDirectory, '.walr', 'archived')).toSorted()
    } catch {
      return []
    }
  }

  dispose(): void {
    rmSync(this.dataDirectory, { recursive: true })
  }
}

/** A segment that was not finished: records up to some place of its first page, and behind them pages of older WAL. */
export function leftSegment(segmentNumber: number, { records = 2, leftover = 7, timelineId = 1 } = {}): Buffer {
  const bytes = Buffer.alloc(SEGMENT)
  pagedSegment(leftover).copy(bytes)
  pagedSegment(segmentNumber, timelineId).copy(bytes, 0, 0, 40)
  // The first one follows a record of the segment before.
  let previous = -64
  for (let at = 40, number = 0; number < records; number += 1, at += 64) {
    bytes.fill(number + 1, at, at + 64)
    bytes.writeUInt32LE(64, at)
    bytes.writeUInt32LE(0, at + 4)
    bytes.writeBigUInt64LE(BigInt(segmentNumber * SEGMENT + previous), at + 8)
    bytes.writeUInt32LE(0, at + 16)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const ofData = updateCrc32c(CRC32C_START, bytes, view, at + 24, at + 64)
    bytes.writeUInt32LE(finishCrc32c(updateCrc32c(ofData, bytes, view, at, at + 20)), at + 20)
    previous = at
  }
  return bytes
}
