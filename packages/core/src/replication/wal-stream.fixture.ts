import { FaultDisk } from '../disk/fault-disk.ts'
import type { CompressionSpec } from '../wal/compression/compression-spec.ts'
import { formatLsn, INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { PowerLossDisk } from '../wal/power-loss-disk.fixture.ts'
import { RecordingLogger, RecordingRoom } from '../wal/recording.fixture.ts'
import { SegmentStore } from '../wal/segment-store.ts'
import { SegmentWriter } from '../wal/segment-writer.ts'
import { SEGMENT, segmentLsn, TIMELINE_1 } from '../wal/wal-bytes.fixture.ts'
import { FakeConnection, sendWal } from './fake-connection.fixture.ts'
import { ReceiverStateHolder } from './receiver-state.ts'
import { WalStream, type WalStreamOptions } from './wal-stream.ts'

/** Where the streams of these tests begin. */
export const START: Lsn = segmentLsn(3)

const options = {
  flush: 'batch',
  reportFlush: true,
  reportFrom: INVALID_LSN,
  serverLsn: START,
  statusIntervalMs: 0,
  serverTimeoutMs: 0,
  endpos: undefined,
} as const

/** The first segment's file, by the name that it was opened under. */
export const FIRST_FILE = /spare-\d+-1$/

/** A clock on which every look is 300 ms later: flushes of a stream that is catching up are always due. */
export function hurriedClock(): () => number {
  let nowMs = 0
  return () => (nowMs += 300)
}

type Changed = Partial<WalStreamOptions> & { readonly sync?: boolean; readonly compression?: CompressionSpec }

/**
 * A stream with everything below it real but the disk, which is in memory and can be made to fail or to be slow. It has no
 * direct writes, so that each write and each flush of the stream is an operation of the disk.
 */
export class StreamBench {
  readonly disk = new FaultDisk(new PowerLossDisk())
  readonly connection = new FakeConnection()
  readonly logger = new RecordingLogger()
  readonly room = new RecordingRoom(this.disk, '/received')
  readonly state = new ReceiverStateHolder(this.logger)
  readonly writer: SegmentWriter
  readonly stream: WalStream
  readonly #store: SegmentStore
  streaming = 0

  constructor(changed: Changed = {}) {
    const { sync = true, compression = { method: 'none' }, ...rest } = changed
    const { disk, logger } = this
    disk.setDirect(false)
    const common = { disk, directory: '/received', walSegmentSize: SEGMENT, sync, logger, compression }
    this.#store = new SegmentStore({ ...common, fileMode: 0o600, flush: 'batch', room: this.room.room })
    this.writer = new SegmentWriter(TIMELINE_1, START, true, {
      ...common,
      store: this.#store,
      onSegmentFinished: () => {
        this.stream.sendStatus(false)
      },
    })
    this.stream = new WalStream({
      ...options,
      connection: this.connection,
      writer: this.writer,
      walSegmentSize: SEGMENT,
      state: this.state,
      onStreaming: () => (this.streaming += 1),
      ...rest,
    })
  }

  /** The messages that one read of the socket gives, and its end. */
  async read(lengths: readonly number[], dry = true, lag = 0): Promise<void> {
    for (const length of lengths) {
      const start = this.writer.writtenLsn
      await sendWal(this.stream, start, length, start + BigInt(length + lag))
    }
    this.stream.onReadEnd(dry)
  }

  /** `written/flushed` of each status, as offsets into the first segment. */
  get reported(): readonly string[] {
    return this.connection.statuses.map(({ written, flushed }) => `${offset(written)} ${offset(flushed)}`)
  }

  /** Syncs of the first segment's data; the spare file for the next one is being prepared meanwhile. */
  get flushes(): number {
    return this.disk.operations.filter((done) => done.operation === 'dataSync' && FIRST_FILE.test(done.path)).length
  }

  async close(): Promise<void> {
    this.stream.dispose()
    await this.writer.abandon()
    await this.#store.close()
  }
}

function offset(lsn: string): string {
  if (lsn === '-') return '-'
  const [, low = ''] = lsn.split('/')
  const [, start = ''] = formatLsn(START).split('/')
  return String(Number.parseInt(low, 16) - Number.parseInt(start, 16))
}
