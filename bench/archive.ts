import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from '../test/support/scratch.ts'
import { formatArchiveReport, type ArchiveResults } from './archive-report.ts'
import { benchFullRate } from './archive-full-rate.ts'
import { startArchiveTarget, type ArchiveTarget } from './archive-target.ts'
import { benchThroughput } from './archive-throughput.ts'
import { contestant, type Contestant } from './contestants.ts'
import { writeReport } from './report.ts'
import { benchSyncCommits, type SyncCommitResult } from './sync-commits.ts'

const USAGE = `npm run bench:archive -- [options]: archiving to a real S3 server on loopback, with zstd and AES-256-GCM
  --only throughput|full-rate|sync   one part only
  --pairs N                  measurements of each (3)
  --size GIB                 WAL to archive (1)
  --seconds T                length of one commit measurement (15)
  --write                    puts the result into docs/benchmarks.md`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    pairs: { type: 'string', default: '3' },
    size: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '15' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

process.on('SIGINT', () => process.exit(130)) // servers and folders go at exit
process.on('SIGTERM', () => process.exit(143))

if (values.help) console.log(USAGE)
else {
  try {
    await bench()
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}

async function bench(): Promise<void> {
  const parts = ['throughput', 'full-rate', 'sync']
  if (values.only !== undefined && !parts.includes(values.only)) throw misuse('--only')
  const wanted = (part: string): boolean => values.only === undefined || values.only === part
  const numbers = { pairs: Number(values.pairs), size: Number(values.size), seconds: Number(values.seconds) }
  for (const [name, value] of Object.entries(numbers)) if (!(value > 0)) throw misuse(`--${name}`)
  const say = (line: string): void => console.log(line)
  await using target = await startArchiveTarget()
  const bytes = numbers.size * 2 ** 30
  const results: ArchiveResults = {
    ...(wanted('throughput') && { throughput: await benchThroughput(target, { bytes, rounds: numbers.pairs, say }) }),
    ...(wanted('full-rate') && { fullRate: await benchFullRate(target, { bytes, runs: numbers.pairs, say }) }),
    ...(wanted('sync') && { syncCommits: await commits(target, { ...numbers, say }) }),
  }
  const report = formatArchiveReport(results)
  console.log(`\n${report}`)
  if (values.write) writeReport(join(import.meta.dirname, '../docs/benchmarks.md'), report, 'archive')
}

/** The same receiver without and with an archive. */
async function commits(
  target: ArchiveTarget,
  options: { pairs: number; seconds: number; say: (line: string) => void },
): Promise<readonly SyncCommitResult[]> {
  await using scratch = makeScratch('bench')
  const { yaml } = await target.prepare(scratch.path)
  const config = join(scratch.path, 'walr.config.yaml')
  writeFileSync(config, `${yaml.join('\n')}\n`)
  const base = contestant('walr')
  let run = 0
  const subject: Contestant = {
    ...base,
    name: 'walr receive, archiving',
    args: ['receive', '--config', config],
    // Each run has an archive of its own: an empty directory would go on behind that of the run before.
    environment: () => ({ WALR_CLUSTER: `run${(run += 1)}` }),
  }
  return await benchSyncCommits({ ...options, base, subject })
}

function misuse(option: string): Error {
  return new Error(`${option} has a wrong value\n\n${USAGE}`)
}
