import type { FullRateFigures } from './archive-full-rate.ts'
import type { ThroughputFigures, ThroughputResult } from './archive-throughput.ts'
import { machineFacts, row } from './report.ts'
import { median } from './statistics.ts'
import type { SyncCommitResult } from './sync-commits.ts'

/** What was measured. */
export interface ArchiveResults {
  readonly throughput?: ThroughputResult
  readonly fullRate?: readonly FullRateFigures[]
  readonly syncCommits?: readonly SyncCommitResult[]
}

/** The results as Markdown tables. */
export function formatArchiveReport({ throughput, fullRate, syncCommits }: ArchiveResults): string {
  const parts = [machineFacts()]
  if (throughput) {
    const { walBytes, objectBytes, rounds } = throughput
    const middle = (figure: keyof ThroughputFigures, digits = 0): string =>
      median(rounds.map((round) => round[figure])).toFixed(digits)
    parts.push(
      `Archiving ${(walBytes / 2 ** 30).toFixed(2)} GiB of finished segments to radosgw on loopback as objects of ${(objectBytes / 2 ** 30).toFixed(2)} GiB, two at once, ${rounds.length} rounds; MB of WAL a second:`,
      [
        '| archive: verify, zstd, AES, PUT | zstd alone | PUT alone | zstd and PUT | ratio to the slower one | ratio to zstd and PUT |',
        '|---|---|---|---|---|---|',
        `| ${middle('archive')} | ${middle('zstd')} | ${middle('put')} | ${middle('both')} | ${middle('ratio', 2)} | ${middle('ratioToBoth', 2)} |`,
      ].join('\n'),
    )
  }
  if (fullRate?.[0]) {
    const middle = (figure: (run: FullRateFigures) => number): string => median(fullRate.map(figure)).toFixed(0)
    const peak = Math.max(...fullRate.map(({ peakRssBytes }) => peakRssBytes)) / 1e6
    parts.push(
      `Catching up on ${(fullRate[0].walBytes / 2 ** 30).toFixed(2)} GiB and archiving it at the same time, ${fullRate.length} runs:`,
      [
        '| received and archived, MB/s | CPU of walr, s | peak resident memory, MB |',
        '|---|---|---|',
        `| ${middle(({ walBytes, seconds }) => walBytes / seconds / 1e6)} | ${middle(({ cpuSeconds }) => cpuSeconds)} | ${peak.toFixed(0)} |`,
      ].join('\n'),
    )
  }
  if (syncCommits) {
    const rows = syncCommits.flatMap(({ clients, pairs }) => {
      const who = clients === 1 ? '1 client' : `${clients} clients`
      return [
        row(`${who}: commits/s`, pairs, (figures) => figures.perSecond, 0),
        row(`${who}: 95th percentile, ms`, pairs, (figures) => figures.p95Ms, 2),
        row(`${who}: walr's CPU, s per 1000`, pairs, (figures) => figures.cpuSecondsPerThousand, 3),
        row(`${who}: peak resident memory, MB`, pairs, (figures) => figures.peakRssBytes / 1e6, 0),
      ]
    })
    parts.push(
      `Commits with walr as synchronous standby, without and with an archive (zstd, AES, radosgw on the same cores), ${syncCommits[0]?.pairs.length ?? 0} pairs:`,
      ['| | receiving | receiving and archiving | ratio |\n|---|---|---|---|', ...rows].join('\n'),
    )
  }
  return parts.join('\n\n')
}
