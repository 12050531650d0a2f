import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readStatusFile } from '../packages/core/src/app/archive/status-file.ts'
import { nodeDisk } from '../packages/core/src/disk/node-disk.ts'
import { startCluster } from '../test/support/postgres-cluster.ts'
import { RunningProgram } from '../test/support/running-program.ts'
import { makeScratch } from '../test/support/scratch.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { contestant, environmentFor } from './contestants.ts'
import { makeWal } from './make-wal.ts'
import { usageOf } from './measured-run.ts'

/** walr catches up on a backlog of WAL while it archives it: the most that it ever has to do at the same time. */
export interface FullRateFigures {
  readonly walBytes: number
  /** From the start of walr until the last finished segment was confirmed. */
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakRssBytes: number
}

const DEADLINE_SECONDS = 600

/** Each run has a cluster name, and so an archive, of its own. */
export async function benchFullRate(
  target: ArchiveTarget,
  { bytes, runs, say }: { bytes: number; runs: number; say: (line: string) => void },
): Promise<readonly FullRateFigures[]> {
  await using cluster = await startCluster({
    version: 'debian',
    walSegmentSizeMb: 16,
    settings: { max_wal_size: '16GB', wal_keep_size: '16GB', checkpoint_timeout: '1h', autovacuum: 'off' },
  })
  await cluster.exec(
    `select pg_create_physical_replication_slot('run' || n, true) from generate_series(0, ${runs - 1}) n`,
  )
  await makeWal(cluster, bytes)
  const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
  const results: FullRateFigures[] = []
  for (let run = 0; run < runs; run += 1) {
    await using scratch = makeScratch('bench')
    const directory = join(scratch.path, 'receive')
    mkdirSync(directory)
    const config = join(scratch.path, 'walr.config.yaml')
    const { yaml } = await target.prepare(scratch.path)
    writeFileSync(config, `${[`cluster: run${run}`, ...yaml].join('\n')}\n`)
    const startedAtMs = performance.now()
    const args = ['receive', '--config', config, '-D', directory, '--slot', `run${run}`]
    await using walr = new RunningProgram(contestant('walr').program, args, { env: environmentFor(cluster) })
    const archivedCount = await untilArchived(directory, open, walr)
    const { wallSeconds, cpuSeconds, peakRssBytes } = usageOf(walr.pid, startedAtMs)
    await walr.stop()
    const figures = { walBytes: archivedCount * 2 ** 24, seconds: wallSeconds, cpuSeconds, peakRssBytes }
    results.push(figures)
    say(
      `full rate: ${(figures.walBytes / wallSeconds / 1e6).toFixed(0)} MB/s received and archived, ${(peakRssBytes / 1e6).toFixed(0)} MB`,
    )
  }
  return results
}

async function untilArchived(directory: string, openWalFileName: string, walr: RunningProgram): Promise<number> {
  const deadline = performance.now() + DEADLINE_SECONDS * 1000
  while (performance.now() < deadline) {
    await delay(100)
    if (!walr.isRunning) throw new Error(`walr has ended:\n${walr.stderr.join('\n')}`)
    const archive = (await readStatusFile(nodeDisk, directory))?.archive
    const last = archive?.lastArchived?.walFileName ?? ''
    if (archive?.backlog.files === 0 && next(last) >= openWalFileName) return archive.archivedCount
  }
  throw new Error(`not archived after ${DEADLINE_SECONDS} s:\n${walr.stderr.join('\n')}`)
}

/** Within one file of 4 GiB, which is more than a run has. */
function next(walFileName: string): string {
  if (walFileName === '') return ''
  return (
    walFileName.slice(0, 16) +
    (Number.parseInt(walFileName.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, '0')
  )
}
