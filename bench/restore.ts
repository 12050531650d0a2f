import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startArchiveTarget } from './archive-target.ts'
import { writeReport } from './report.ts'
import { benchCalls } from './restore/call-costs.ts'
import { findPgBackRest, PgBackRest } from './restore/pgbackrest.ts'
import { benchRecovery } from './restore/recovery-rounds.ts'
import { formatRestoreReport, type RestoreResults } from './restore/restore-report.ts'
import { Serve } from './restore/serve.ts'
import { benchVerify } from './restore/verify-rate.ts'
import { cpFrom, walrWith } from './restore/wal-bringer.ts'
import { makeWalSample } from './restore/wal-sample.ts'
import { makeLocalArchive, makeS3Archive } from './restore/walr-archive.ts'

const USAGE = `npm run bench:restore -- [options]: recovery from archives, beside cp and pgBackRest
  --only recovery|calls|verify   one part only
  --match TEXT   in recovery only cp and contestants whose names have this text
  --rounds N     measurements of each (5)
  --calls N      single calls of each kind (100)
  --size GIB     WAL to recover (1)
  --write        puts the result into docs/benchmarks.md`

const PARTS = ['recovery', 'calls', 'verify']

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    match: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    calls: { type: 'string', default: '100' },
    size: { type: 'string', default: '1' },
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
  if (values.only !== undefined && !PARTS.includes(values.only)) throw misuse('--only')
  const [rounds, calls, size] = [Number(values.rounds), Number(values.calls), Number(values.size)]
  for (const [name, value] of Object.entries({ rounds, calls, size })) if (!(value > 0)) throw misuse(`--${name}`)
  const wanted = (part: string): boolean => values.only === undefined || values.only === part
  const say = (line: string): void => console.log(line)
  findPgBackRest()

  await using stack = new AsyncDisposableStack()
  say(`Making ${size} GiB of WAL, and the archives that the parts need.`)
  const sample = stack.use(await makeWalSample(size * 2 ** 30))
  const local = stack.use(await makeLocalArchive(sample))
  const facts = { serverVersion: sample.serverVersion, segments: sample.segments.length }
  let results: RestoreResults = facts
  if (wanted('recovery') || wanted('calls')) {
    const target = stack.use(await startArchiveTarget())
    const s3 = stack.use(await makeS3Archive(sample, target))
    const pgBackRest = stack.use(await PgBackRest.create(sample))
    results = { ...facts, pgBackRestVersion: pgBackRest.version }
    if (wanted('recovery')) {
      const serve = stack.use(await Serve.of(local))
      const bringers = [
        cpFrom(sample.walDirectory),
        pgBackRest.bringer({ compression: 'gz', queueMib: 128 }),
        pgBackRest.bringer({ compression: 'gz', queueMib: 1024 }),
        pgBackRest.bringer({ compression: 'zst', queueMib: 128 }),
        pgBackRest.bringer({ compression: 'zst', queueMib: 1024 }),
        walrWith('walr, folder with zstd', `--config "${local.configFile}"`),
        walrWith('walr, S3 with zstd and AES', `--config "${s3.configFile}"`),
        serve.bringer('walr serve, folder with zstd'),
      ].filter(({ name }) => name === 'cp' || name.includes(values.match))
      results = { ...results, recovery: await benchRecovery(sample, bringers, { rounds, say }) }
    }
    if (wanted('calls')) {
      const figures = await benchCalls({ sample, pgBackRest, local, s3 }, { calls, rounds, say })
      results = { ...results, calls: figures }
    }
  }
  if (wanted('verify')) results = { ...results, verify: await benchVerify({ sample, archive: local }, { rounds, say }) }
  const report = formatRestoreReport(results)
  console.log(`\n${report}`)
  const hasFailed = [...(results.recovery ?? []), ...(results.calls ?? [])].some(({ failure }) => failure !== undefined)
  if (hasFailed) process.exitCode = 1
  else if (values.write) writeReport(join(import.meta.dirname, '../docs/benchmarks.md'), report, 'restore')
}

function misuse(option: string): Error {
  return new Error(`${option} has a wrong value\n\n${USAGE}`)
}
