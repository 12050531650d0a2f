import { readFileSync } from 'node:fs'
import { mustRun } from '../../test/support/run-program.ts'
import { startCluster, type PostgresCluster } from '../../test/support/postgres-cluster.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import type { WalBringer } from './wal-bringer.ts'
import { summarise, type WalSample } from './wal-sample.ts'

/** One recovery, from the first line of PostgreSQL's log on. */
export interface RecoveryFigures {
  /** Until the last record of the archive was replayed. */
  readonly replaySeconds: number
  /** Until "archive recovery complete": all calls of `restore_command` are behind it, also those for files that are absent. */
  readonly recoverySeconds: number
  /** Until the server takes writes: with the checkpoint of all that was replayed. */
  readonly readySeconds: number
  /** Position of the last record that was replayed. */
  readonly endLsn: string
  /** How many segments PostgreSQL was given. */
  readonly segments: number
  /** What all processes of the machine used until the server took writes. */
  readonly cpuSeconds: number
}

const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on

const RECOVERY_DEADLINE_MS = 600_000

/** Recovers a copy of the sample's base to the end of its WAL and promotes it. Rejects unless everything is there again. */
export async function recover(sample: WalSample, bringer: WalBringer): Promise<RecoveryFigures> {
  await using server = await startCluster({
    version: 'debian',
    copyOf: sample.base,
    durable: true,
    signalFiles: ['recovery.signal'],
    settings: { shared_buffers: '1GB', checkpoint_timeout: '1h', max_wal_size: '64GB', autovacuum: 'off' },
    start: false,
  })
  server.configure({ restore_command: bringer.restoreCommand(server.dataDirectory) })
  await bringer.prepare?.()
  await mustRun('sync', [])
  const busyBefore = busySeconds()
  await server.start({ untilReady: false })
  await untilPromoted(server)
  const cpuSeconds = busySeconds() - busyBefore
  const summary = await summarise(server)
  if (summary !== sample.summary) {
    throw new Error(`${bringer.name}: recovery brought back ${summary}, not ${sample.summary}:\n${server.log}`)
  }
  const figures = { ...readLog(server.log), cpuSeconds }
  if (figures.segments !== sample.segments.length) throw new Error(`${bringer.name}: ${figures.segments} segments came`)
  await server.stop()
  await bringer.finish?.(server.dataDirectory)
  return figures
}

async function untilPromoted(server: PostgresCluster): Promise<void> {
  const promoted = async (): Promise<'ended' | boolean> => {
    if (!server.isRunning) return 'ended'
    return (await server.text('select pg_is_in_recovery()')) === 'false'
  }
  const outcome = await waitFor('the end of recovery', promoted, {
    deadlineMs: RECOVERY_DEADLINE_MS,
    intervalMs: 100,
  }).catch((cause: unknown) => {
    throw new Error(`recovery does not end; the server's log:\n${server.log.slice(-4000)}`, { cause })
  })
  if (outcome === 'ended') throw new Error(`recovery failed; the server's log:\n${server.log.slice(-4000)}`)
}

/** The server's log tells when it came how far, in milliseconds. */
function readLog(log: string): Omit<RecoveryFigures, 'cpuSeconds'> {
  const lines = log.split('\n')
  const find = (pattern: RegExp): string => {
    const line = lines.find((candidate) => pattern.test(candidate))
    if (line === undefined) throw new Error(`the server's log has no ${pattern.source}:\n${log}`)
    return line
  }
  const begun = loggedAtMs(find(/LOG: +starting PostgreSQL/))
  const secondsUntil = (pattern: RegExp): number => (loggedAtMs(find(pattern)) - begun) / 1000
  return {
    replaySeconds: secondsUntil(/LOG: +redo done at/),
    recoverySeconds: secondsUntil(/LOG: +archive recovery complete/),
    readySeconds: secondsUntil(/LOG: +database system is ready to accept connections/),
    endLsn: /redo done at (\S+)/.exec(find(/LOG: +redo done at/))?.[1] ?? '',
    segments: new Set(log.match(/(?<=restored log file ")[0-9A-F]{24}(?=")/g)).size,
  }
}

function loggedAtMs(line: string): number {
  const time = Date.parse(`${line.slice(0, 23).replace(' ', 'T')}Z`)
  if (Number.isNaN(time)) throw new Error(`no time of the log: ${line}`)
  return time
}

/** Since the machine was started: user, nice, system, interrupts of both kinds. */
function busySeconds(): number {
  const [, user, nice, system, , , irq, softirq] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/ +/)
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND
}
