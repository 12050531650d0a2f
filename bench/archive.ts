import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from '../test/support/scratch.ts'
import { formatArchiveReport, type ArchiveResults } from './archive-report.ts'
import { startArchiveTarget, type ArchiveTarget } from './archive-target.ts'
import { benchThroughput } from './archive-throughput.ts'
import { contestant, type Contestant } from './contestants.ts'
import { writeReport } from './report.ts'
import { benchSyncCommits, type SyncCommitResult } from './sync-commits.ts'

const USAGE = `npm run bench:archive -- [options]: archiving to a real S3 server on loopback, with zstd and AES-256-GCM
  --only throughput|sync     one part only
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
  if (values.only !== undefined && values.only !== 'throughput' && values.only !== 'sync') throw misuse('--only')
  const numbers = { pairs: Number(values.pairs), size: Number(values.size), seconds: Number(values.seconds) }
  for (const [name, value] of Object.entries(numbers)) if (!(value > 0)) throw misuse(`--${name}`)
  const say = (line: string): void => console.log(line)
  await using target = await startArchiveTarget()
  const throughput =
    values.only === 'sync'
      ? undefined
      : await benchThroughput(target, { bytes: numbers.size * 2 ** 30, rounds: numbers.pairs, say })
  const syncCommits = values.only === 'throughput' ? undefined : await commits(target, { ...numbers, say })
  const results: ArchiveResults = { ...(throughput && { throughput }), ...(syncCommits && { syncCommits }) }
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
