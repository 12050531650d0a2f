import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runProgram } from '../test/support/run-program.ts'
import { benchCatchUp } from './catch-up.ts'
import { contestant } from './contestants.ts'
import { formatReport, writeReport, type BenchResults } from './report.ts'
import { benchSyncCommits } from './sync-commits.ts'

const USAGE = `npm run bench:receive -- [options]: walr and pg_receivewal in turn on the same server
  --only catchup|sync        one part only
  --pairs N                  measurements of each (3)
  --size GIB                 WAL to catch up on (2)
  --seconds T                length of one commit measurement (15)
  --subject walr|pg_receivewal   who is compared with pg_receivewal (walr); itself, to see how steady the machine is
  --write                    puts the result into docs/benchmarks.md`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    pairs: { type: 'string', default: '3' },
    size: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '15' },
    subject: { type: 'string', default: 'walr' },
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
  if (values.only !== undefined && values.only !== 'catchup' && values.only !== 'sync') throw misuse('--only')
  if (values.subject !== 'walr' && values.subject !== 'pg_receivewal') throw misuse('--subject')
  const numbers = { pairs: Number(values.pairs), size: Number(values.size), seconds: Number(values.seconds) }
  for (const [name, value] of Object.entries(numbers)) if (!(value > 0)) throw misuse(`--${name}`)
  const base = contestant('pg_receivewal')
  const subject = contestant(values.subject)
  const say = (line: string): void => console.log(line)
  const bytes = numbers.size * 2 ** 30
  const common = { base, subject, pairs: numbers.pairs, say }
  const catchUp = values.only === 'sync' ? undefined : await benchCatchUp({ ...common, bytes })
  const seconds = numbers.seconds
  const syncCommits = values.only === 'catchup' ? undefined : await benchSyncCommits({ ...common, seconds })
  const results: BenchResults = {
    baseName: base.name,
    subjectName: subject.name,
    serverVersion: await serverVersion(base.program),
    ...(catchUp && { catchUp }),
    ...(syncCommits && { syncCommits }),
  }
  const report = formatReport(results)
  console.log(`\n${report}`)
  if (values.write) writeReport(join(import.meta.dirname, '../docs/benchmarks.md'), report)
}

/** Debian's server and client programs are of one version. */
async function serverVersion(clientProgram: string): Promise<string> {
  const { stdout } = await runProgram(clientProgram, ['--version'])
  return /\d[\d.]*/.exec(stdout)?.[0] ?? 'of unknown version'
}

function misuse(option: string): Error {
  return new Error(`${option} has a wrong value\n\n${USAGE}`)
}
