import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from '../test/support/scratch.ts'
import { startVerdaccio } from '../test/support/verdaccio.ts'
import { runWalr } from '../test/support/walr-process.ts'
import { machineFacts, writeReport } from './report.ts'
import { median } from './statistics.ts'

const USAGE = `npm run bench:start-up -- [options]: starts of walr without and with the five plugins installed
  --runs N   starts of each, in turn (31)
  --write    puts the result into docs/benchmarks.md`

const PLUGINS = ['s3', 'sftp', 'gcs', 'azure', 'crypto'].map((name) => `@walr/plugin-${name}`)
const COMMANDS = ['--version', 'receive --help', 'plugins --help'] as const

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '31' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

process.on('SIGINT', () => process.exit(130)) // the registry and folders go at exit
process.on('SIGTERM', () => process.exit(143))

if (values.help) console.log(USAGE)
else {
  try {
    await bench(Number(values.runs))
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}

async function bench(runs: number): Promise<void> {
  if (!(runs > 0)) throw new Error(`--runs has a wrong value\n\n${USAGE}`)
  await using scratch = makeScratch('bench')
  const [without, withAll] = ['without', 'with'].map((name) => join(scratch.path, name)) as [string, string]
  mkdirSync(without)
  await installAll(withAll)
  const rows: string[] = []
  for (const command of COMMANDS) {
    const pairs: { without: number; with: number }[] = []
    await startMs(command, without) // the first one reads from the disk
    for (let run = 0; run < runs; run += 1) {
      const plain = await startMs(command, without)
      pairs.push({ without: plain, with: await startMs(command, withAll) })
    }
    const of = (key: 'without' | 'with'): number => median(pairs.map((pair) => pair[key]))
    rows.push(
      `| walr ${command} | ${of('without').toFixed(0)} | ${of('with').toFixed(0)} | ${(of('with') / of('without')).toFixed(2)} |`,
    )
  }
  const report = [
    machineFacts(),
    '',
    `Milliseconds from the start of the process to its end, medians of ${runs} starts in turn:`,
    '',
    `| | no plugin | ${PLUGINS.length} plugins installed | ratio |`,
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
  console.log(`\n${report}`)
  if (values.write) writeReport(join(import.meta.dirname, '../docs/benchmarks.md'), report, 'start-up')
}

/** Installs all plugins as a user would, from a registry of our own that has this checkout's. */
async function installAll(dataDirectory: string): Promise<void> {
  await using registry = await startVerdaccio()
  await registry.publishWorkspace(['@walr/plugin-kit', ...PLUGINS])
  const env = { ...registry.environment, WALR_DATA_DIR: dataDirectory }
  console.log(`installing ${PLUGINS.join(', ')}`)
  const args = ['plugins', 'install', ...PLUGINS, '--no-config']
  const { exitCode, stderr } = await runWalr(args, { env, deadlineMs: 600_000 })
  if (exitCode !== 0) throw new Error(`the plugins could not be installed:\n${stderr}`)
}

async function startMs(command: string, dataDirectory: string): Promise<number> {
  const begun = performance.now()
  const { exitCode, stderr } = await runWalr(command.split(' '), { env: { WALR_DATA_DIR: dataDirectory } })
  if (exitCode !== 0) throw new Error(`walr ${command} failed:\n${stderr}`)
  return performance.now() - begun
}
