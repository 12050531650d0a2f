import { machineFacts } from '../report.ts'
import { median, percentile } from '../statistics.ts'
import type { CallKind, CallResult } from './call-costs.ts'
import type { RecoveryResult } from './recovery-rounds.ts'
import type { RecoveryFigures } from './recovery.ts'
import type { VerifyResult } from './verify-rate.ts'
import { SEGMENT_BYTES } from './wal-sample.ts'

/** What was measured, and with which programs. */
export interface RestoreResults {
  readonly serverVersion: string
  readonly pgBackRestVersion?: string
  readonly segments: number
  readonly recovery?: readonly RecoveryResult[]
  readonly calls?: readonly CallResult[]
  readonly verify?: readonly VerifyResult[]
}

const KIND_TITLES: Readonly<Record<CallKind, string>> = {
  hit: 'fetched ahead',
  direct: 'nothing ahead',
  miss: 'not in the archive',
}

/** The results as Markdown tables. */
export function formatRestoreReport(results: RestoreResults): string {
  const { serverVersion, pgBackRestVersion, recovery, calls, verify } = results
  const facts = machineFacts(serverVersion)
  const parts = [pgBackRestVersion === undefined ? facts : `${facts.slice(0, -1)}, pgBackRest ${pgBackRestVersion}.`]
  if (recovery) parts.push(...recoveryTable(recovery, results.segments))
  if (calls) parts.push(...callTable(calls))
  if (verify) parts.push(...verifyTable(verify))
  return parts.join('\n\n')
}

function recoveryTable(results: readonly RecoveryResult[], segments: number): readonly string[] {
  const base = results.find(({ name }) => name === 'cp')
  const peer = fastest(results.filter(({ name }) => name.startsWith('pgBackRest')))
  const rounds = Math.max(...results.map((result) => result.rounds.length))
  const walBytes = segments * SEGMENT_BYTES
  const rows = results.map((result) => {
    if (result.failure !== undefined || result.rounds.length === 0) return `| ${result.name} | failed | | | | | |`
    const middle = (figure: (value: RecoveryFigures) => number): number => median(result.rounds.map(figure))
    const cells = [
      middle(({ recoverySeconds }) => recoverySeconds).toFixed(2),
      (walBytes / middle(({ recoverySeconds }) => recoverySeconds) / 1e6).toFixed(0),
      middle(({ readySeconds }) => readySeconds).toFixed(2),
      middle(({ cpuSeconds }) => cpuSeconds).toFixed(1),
      ratio(result, base),
      ratio(result, peer),
    ]
    return `| ${result.name} | ${cells.join(' | ')} |`
  })
  return [
    `Recovery of ${(walBytes / 2 ** 30).toFixed(2)} GiB of WAL (${segments} segments), ${rounds} rounds. The ratios are of the times to the end of recovery, each within its round${peer ? `; the second one to ${peer.name}, the fastest of pgBackRest's` : ''}:`,
    [
      '| | end of recovery, s | MB/s | takes writes, s | CPU of the machine, s | ratio to cp | ratio to pgBackRest |',
      '|---|---|---|---|---|---|---|',
      ...rows,
    ].join('\n'),
  ]
}

function fastest(results: readonly RecoveryResult[]): RecoveryResult | undefined {
  const seconds = ({ rounds }: RecoveryResult): number => median(rounds.map(({ recoverySeconds }) => recoverySeconds))
  return results.filter(({ rounds }) => rounds.length > 0).toSorted((a, b) => seconds(a) - seconds(b))[0]
}

/** Median of the ratios within the rounds; 2 is twice the time. */
function ratio(result: RecoveryResult, other: RecoveryResult | undefined): string {
  const ratios = result.rounds.flatMap(({ recoverySeconds }, round) => {
    const beside = other?.rounds[round]
    return beside ? [recoverySeconds / beside.recoverySeconds] : []
  })
  return ratios.length > 0 ? median(ratios).toFixed(2) : ''
}

function callTable(results: readonly CallResult[]): readonly string[] {
  const peerOf = (kind: CallKind): number | undefined => {
    const peer = results.find((result) => result.kind === kind && result.name.startsWith('pgBackRest'))
    return peer && peer.milliseconds.length > 0 ? median(peer.milliseconds) : undefined
  }
  const rows = results.map(({ kind, name, milliseconds, failure }) => {
    const title = `| ${KIND_TITLES[kind]} | ${name} |`
    if (failure !== undefined || milliseconds.length === 0) return `${title} failed | | | |`
    const peer = peerOf(kind)
    const cells = [
      String(milliseconds.length),
      median(milliseconds).toFixed(1),
      percentile(milliseconds, 0.95).toFixed(1),
      peer === undefined ? '' : (median(milliseconds) / peer).toFixed(2),
    ]
    return `${title} ${cells.join(' | ')} |`
  })
  return [
    'One call, from the start of its shell to its end:',
    [
      '| the segment is | | calls | median, ms | 95th percentile, ms | ratio of the medians to pgBackRest |',
      '|---|---|---|---|---|---|',
      ...rows,
    ].join('\n'),
  ]
}

function verifyTable(results: readonly VerifyResult[]): readonly string[] {
  const rows = results.map(({ options, walBytes, rounds }) => {
    const perWall = median(rounds.map(({ wallSeconds }) => walBytes / wallSeconds / 1e6)).toFixed(0)
    const perCpu = median(rounds.map(({ cpuSeconds }) => walBytes / cpuSeconds / 1e6)).toFixed(0)
    const peak = Math.max(...rounds.map(({ peakRssBytes }) => peakRssBytes)) / 1e6
    return `| walr wal verify${options === '' ? '' : ` ${options}`} | ${perWall} | ${perCpu} | ${peak.toFixed(0)} |`
  })
  return [
    `Verifying the same WAL in a folder with zstd, ${results[0]?.rounds.length ?? 0} rounds; MB are those of plain WAL:`,
    ['| | MB/s | MB a second of CPU | peak resident memory, MB |', '|---|---|---|---|', ...rows].join('\n'),
  ]
}
