import { commandComplete, readyForQuery, resultRow } from '../support/backend-messages.ts'
import { MadeUpWal } from '../support/made-up-wal.ts'
import {
  startScriptedWalsender,
  type ScriptedWalsender,
  type StartReplication,
  type WalsenderScript,
} from '../support/scripted-walsender.ts'
import { waitFor } from '../support/wait-for.ts'
import type { WalsenderSession } from '../support/walsender-session.ts'

/** Where the made-up cluster's WAL stands in most tests, and what its segments begin with. */
export const START = 0x100_0000n
export const SEGMENT = 0x10_0000n
export const wal: MadeUpWal = new MadeUpWal()

/** Rows and the end of a command, as an answer of a script. */
export function answerRow(columns: readonly string[], values: readonly (string | null)[], tag: string): Buffer {
  return Buffer.concat([resultRow(columns, values), commandComplete(tag), readyForQuery()])
}

export interface StreamScript extends Partial<Omit<WalsenderScript, 'startReplication'>> {
  /** As the server shows it; '1min' when absent. */
  readonly walSenderTimeout?: string
  readonly startReplication: (session: WalsenderSession, request: StartReplication) => Promise<void> | void
}

/** A scripted walsender for the made-up cluster, at {@link START}. */
export function startStreamServer(script: StreamScript): Promise<ScriptedWalsender> {
  const { walSenderTimeout = '1min', answer, ...rest } = script
  return startScriptedWalsender({
    wal,
    flushLsn: START,
    ...rest,
    answer: (sql, session) =>
      answer?.(sql, session) ??
      (sql === 'SHOW wal_sender_timeout' ? answerRow(['wal_sender_timeout'], [walSenderTimeout], 'SHOW') : undefined),
  })
}

/** How many CopyDone messages of the client each session has dealt with. */
const answered = new WeakMap<WalsenderSession, number>()

/** Behaves from here on as a healthy server that has no more WAL: ends the stream when the client wants that. */
export async function endWhenAsked(session: WalsenderSession): Promise<void> {
  await clientCopyDone(session)
  if (session.closed) return
  await session.copyDone()
  await session.stopped()
}

/** A healthy stream of `source` from where the client wants it up to `endLsn`. */
export async function streamTo(
  session: WalsenderSession,
  { startLsn }: Pick<StartReplication, 'startLsn'>,
  endLsn: bigint,
  source: MadeUpWal = wal,
): Promise<void> {
  await session.copyBoth()
  await session.sendWal(startLsn, source.read(startLsn, endLsn))
  await endWhenAsked(session)
}

/** The server's side of a timeline switch; the next START_REPLICATION comes on the same connection. */
export async function switchTimeline(session: WalsenderSession, timelineId: number, startLsn: bigint): Promise<void> {
  await session.copyDone()
  await clientCopyDone(session)
  await session.nextTimeline(timelineId, startLsn)
}

/** Resolves with the client's next CopyDone, or with the end of the connection. */
async function clientCopyDone(session: WalsenderSession): Promise<void> {
  const before = answered.get(session) ?? 0
  await waitFor('the end of the stream', () => session.copyDoneCount > before || session.closed, {
    deadlineMs: 60_000,
    intervalMs: 2,
  })
  answered.set(session, before + 1)
}
