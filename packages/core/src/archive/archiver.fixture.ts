import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { CLUSTER, SEGMENT, segmentBytes, segmentName } from '../wal/wal-bytes.fixture.ts'
import { Archiver, type ArchiverOptions } from './archiver.ts'
import type { ArchiveStatus } from './archive-status.ts'
import type { Clock } from './clock.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'

const PAGE = 8192

/** A segment of invented WAL whose pages all have headers. */
export function pagedSegment(segmentNumber: number, timelineId = 1, salt = 0): Buffer {
  const bytes = segmentBytes(segmentNumber, CLUSTER, timelineId)
  for (let at = PAGE; at < SEGMENT; at += PAGE) {
    bytes.writeUInt16LE(0xd110, at)
    bytes.writeUInt16LE(0, at + 2)
    bytes.writeUInt32LE(timelineId, at + 4)
    bytes.writeBigUInt64LE(BigInt(segmentNumber) * BigInt(SEGMENT) + BigInt(at), at + 8)
    bytes.writeUInt32LE(salt, at + 24)
  }
  return bytes
}

/** A clock that stands still until somebody waits; then it jumps to where the first waiter wants to be. */
export class JumpingClock implements Clock {
  #nowMs = Date.parse('2026-11-21T00:00:00Z')
  readonly waits: number[] = []
  /** Real time that work has before the clock jumps. */
  graceMs = 250

  nowMs(): number {
    return this.#nowMs
  }

  setBack(ms: number): void {
    this.#nowMs -= ms
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.waits.push(ms)
    // Whatever is under way gets its turn first, as it would with time: its end aborts the wait.
    await delay(this.graceMs, undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) this.#nowMs += ms
  }
}

/** A directory, a storage and an archiver between them. */
export class ArchiverBench {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'walr-archiver-'))
  readonly storage = new ScriptedStorage()
  readonly clock = new JumpingClock()
  readonly logger = new RecordingLogger()
  readonly stop = new AbortController()
  status: ArchiveStatus | undefined

  write(segmentNumber: number, timelineId = 1, salt = 0): string {
    const name = segmentName(segmentNumber, timelineId)
    writeFileSync(join(this.directory, name), pagedSegment(segmentNumber, timelineId, salt))
    return name
  }

  make(more: Partial<ArchiverOptions> = {}): Archiver {
    return new Archiver({
      disk: nodeDisk,
      directory: this.directory,
      cluster: 'main',
      identity: { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, serverVersion: '15.1' },
      storage: this.storage,
      codecs: new CodecPipeline([], []),
      concurrency: 2,
      keepLocalMs: 0,
      guarded: false,
      logger: this.logger,
      clock: this.clock,
      onStatus: (status) => (this.status = status),
      random: () => 1,
      ...more,
    })
  }

  constructor() {
    mkdirSync(join(this.directory, '.walr'))
  }

  /** Archives what is there until nothing more can be done now. */
  async drain(more: Partial<ArchiverOptions> = {}): Promise<ArchiveStatus> {
    const archiver = this.make(more)
    archiver.drain()
    await archiver.run(this.stop.signal)
    return archiver.status
  }

  /** Files of the directory, without `.walr`. */
  get files(): readonly string[] {
    return readdirSync(this.directory)
      .filter((name) => name !== '.walr')
      .toSorted()
  }

  /** Gaps that the archive knows, as hexadecimal megabytes. */
  get gaps(): readonly string[] {
    return [...this.storage.objects.keys()]
      .filter((key) => key.includes('/gaps/'))
      .map((key) => key.replace(/.*\/gaps\/0*([0-9A-F]*)00000-0*([0-9A-F]*)00000\.json/, '$1-$2'))
      .toSorted()
  }

  get gapAlarms(): readonly string[] {
    return this.logger.lines.filter((line) => line.startsWith('error: WAL is missing'))
  }

  key(segmentNumber: number, timelineId = 1): string {
    const name = segmentName(segmentNumber, timelineId)
    return `main/${CLUSTER}/wal/${name.slice(0, 8)}/${name}`
  }

  dispose(): void {
    this.stop.abort(new DOMException('test ends', 'AbortError'))
    rmSync(this.directory, { recursive: true })
  }
}
