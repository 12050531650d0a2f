import { join } from 'node:path'
import { FaultDisk } from '../disk/fault-disk.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import { PowerLossDisk } from '../wal/power-loss-disk.fixture.ts'
import { RecordingLogger, RecordingRoom } from '../wal/recording.fixture.ts'
import { CLUSTER, segmentBytes, segmentLsn, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { CopySink, EndOfStream, ReplicationConnection } from './connection/replication-connection.ts'
import type { FakeConnection } from './fake-connection.fixture.ts'
import { END_OF_STREAM, sendWal, type Rows, type StreamScript } from './fake-connection.fixture.ts'
import type { SessionOptions } from './receive-session.ts'
import { ReceiverStateHolder } from './receiver-state.ts'

export const DIRECTORY = '/received'

/** What a server answers before the stream: on timeline 1 at `flushLsn`, unless `changed` says otherwise. */
export function answers(
  flushLsn: Lsn,
  changed: Readonly<Record<string, Rows | Error>> = {},
): Readonly<Record<string, Rows | Error>> {
  return {
    'SHOW data_directory_mode': [['0700']],
    'SHOW wal_segment_size': [['1MB']],
    'SHOW wal_sender_timeout': [['1min']],
    IDENTIFY_SYSTEM: [[CLUSTER, '1', formatLsn(flushLsn), null]],
    'READ_REPLICATION_SLOT "walr"': [['physical', null, null]],
    ...changed,
  }
}

/** A stream that sends `length` bytes from where it is asked to start, and then waits for CopyDone. */
export function streaming(
  length: number,
  then?: (sink: CopySink, fake: FakeConnection) => Promise<EndOfStream>,
): StreamScript {
  return async (sink, { startLsn }, fake) => {
    sink.onStart()
    if (length > 0) await sendWal(sink, startLsn, length)
    await sink.onReadEnd(true)
    if (then) return then(sink, fake)
    await fake.copyDone
    return END_OF_STREAM
  }
}

/** Options of a session with a disk in memory and everything it reports kept. */
export class ReceiverBench {
  readonly memory = new PowerLossDisk()
  readonly disk = new FaultDisk(this.memory)
  readonly logger = new RecordingLogger()
  readonly state = new ReceiverStateHolder(this.logger)
  readonly stop = new AbortController()
  readonly reports: unknown[] = []
  readonly probed: string[] = []
  readonly identityCalls: string[] = []
  attempts = 0
  streamed = 0

  options(changed: Partial<SessionOptions> = {}): SessionOptions {
    return {
      disk: this.disk,
      directory: DIRECTORY,
      slot: undefined,
      flush: 'batch',
      sync: true,
      compression: { method: 'none' },
      statusIntervalMs: 0,
      endpos: undefined,
      acceptGap: false,
      room: new RecordingRoom(this.disk, DIRECTORY).room,
      logger: this.logger,
      state: this.state,
      stop: this.stop.signal,
      identity: {
        check: () => this.#identity('check'),
        keep: () => this.#identity('keep'),
      },
      probeSlot: (name) => {
        this.probed.push(name)
        return Promise.resolve({ state: 'unknown', restartLsn: undefined })
      },
      onStreaming: () => (this.streamed += 1),
      ...changed,
    }
  }

  /** Connects to one server after the other; an error is an attempt that fails. */
  connect(...outcomes: (ReplicationConnection | Error)[]): () => Promise<ReplicationConnection> {
    return () => {
      this.attempts += 1
      const next = outcomes.shift() ?? new Error('the test has no connection left')
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
    }
  }

  /** Puts a finished segment, or the bytes given, into the directory. */
  put(segmentNumber: number, suffix = '', bytes = segmentBytes(segmentNumber), timelineId = 1): void {
    this.memory.put(join(DIRECTORY, segmentName(segmentNumber, timelineId) + suffix), bytes, 'contents')
  }

  async files(): Promise<readonly string[]> {
    return (await this.memory.list(DIRECTORY)).map(({ name }) => name).sort()
  }

  async gaps(): Promise<readonly string[]> {
    return (await this.memory.list(join(DIRECTORY, '.walr', 'gaps'))).map(({ name }) => name)
  }

  #identity(call: string): Promise<void> {
    this.identityCalls.push(call)
    return Promise.resolve()
  }
}

/** Where the servers of these tests are: in the middle of segment 5. */
export const SERVER_LSN: Lsn = segmentLsn(5, 4096)
