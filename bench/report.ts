import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { CatchUpResult } from './catch-up.ts'
import { median, medianRatio, type Pair } from './statistics.ts'
import type { SyncCommitResult } from './sync-commits.ts'

/** What was measured, and between whom. */
export interface BenchResults {
  readonly baseName: string
  readonly subjectName: string
  readonly serverVersion: string
  readonly catchUp?: CatchUpResult
  readonly syncCommits?: readonly SyncCommitResult[]
}

/** The results as Markdown tables: medians of the runs, and the median of the ratios of the pairs. */
export function formatReport(results: BenchResults): string {
  const { baseName, subjectName, catchUp, syncCommits } = results
  const head = `| | ${baseName} | ${subjectName} | ratio |\n|---|---|---|---|`
  const parts = [machineFacts(results.serverVersion)]
  if (catchUp) {
    const gib = (catchUp.bytes / 2 ** 30).toFixed(2)
    const rows = [
      row('MB/s', catchUp.pairs, (usage) => catchUp.bytes / usage.wallSeconds / 1e6, 0),
      row('wall time, s', catchUp.pairs, (usage) => usage.wallSeconds, 2),
      row('CPU time, s', catchUp.pairs, (usage) => usage.cpuSeconds, 2),
      row('peak resident memory, MB', catchUp.pairs, (usage) => usage.peakRssBytes / 1e6, 0),
    ]
    parts.push(
      `Catching up on ${gib} GiB of WAL with fsync, ${catchUp.pairs.length} pairs:`,
      [head, ...rows].join('\n'),
    )
  }
  if (syncCommits) {
    const rows = syncCommits.flatMap(({ clients, pairs }) => {
      const who = clients === 1 ? '1 client' : `${clients} clients`
      return [
        row(`${who}: commits/s`, pairs, (figures) => figures.perSecond, 0),
        row(`${who}: average, ms`, pairs, (figures) => figures.averageMs, 2),
        row(`${who}: 95th percentile, ms`, pairs, (figures) => figures.p95Ms, 2),
        row(`${who}: receiver's CPU, s per 1000`, pairs, (figures) => figures.cpuSecondsPerThousand, 3),
        row(`${who}: peak resident memory, MB`, pairs, (figures) => figures.peakRssBytes / 1e6, 0),
      ]
    })
    const pairCount = syncCommits[0]?.pairs.length ?? 0
    parts.push(`Commits with the receiver as synchronous standby, ${pairCount} pairs:`, [head, ...rows].join('\n'))
  }
  return parts.join('\n\n')
}

/** Puts the report into a Markdown file, in the place of the previous one. */
export function writeReport(
  path: string,
  report: string,
  section: 'receive' | 'archive' | 'restore' | 'sftp' | 'start-up' = 'receive',
): void {
  const begin = `<!-- ${section}: written by npm run bench:${section} -- --write -->`
  const end = `<!-- ${section}: end -->`
  const previous = existsSync(path) ? readFileSync(path, 'utf8') : `# Benchmarks\n\n${begin}\n${end}\n`
  const from = previous.indexOf(begin)
  const to = previous.indexOf(end)
  if (from < 0 || to < 0) throw new Error(`the file has lost its marks: ${begin} and ${end}`)
  writeFileSync(path, `${previous.slice(0, from)}${begin}\n\n${report}\n\n${previous.slice(to)}`)
}

/** A line of a table: medians of both, and the median of the ratios. */
export function row<T>(label: string, pairs: readonly Pair<T>[], figure: (value: T) => number, digits: number): string {
  const base = median(pairs.map((pair) => figure(pair.base))).toFixed(digits)
  const subject = median(pairs.map((pair) => figure(pair.subject))).toFixed(digits)
  return `| ${label} | ${base} | ${subject} | ${medianRatio(pairs, figure).toFixed(2)} |`
}

/** Where and when it was measured. */
export function machineFacts(serverVersion?: string): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`
  const processor = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}`
  const date = new Date().toISOString().slice(0, 10)
  return `${date}: ${processor}, ${memory}, Linux ${release()}, Node ${process.version}${serverVersion === undefined ? '' : `, PostgreSQL ${serverVersion}`}.`
}
