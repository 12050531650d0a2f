import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machineFacts, writeReport } from './report.ts'
import { benchDelayedLine, type DelayedFigures } from './sftp/delayed-line.ts'
import { benchLoopback, type LoopbackFigures } from './sftp/loopback.ts'
import { median } from './statistics.ts'

const USAGE = `npm run bench:sftp -- [options]: the SFTP plugin beside the sftp client, with OpenSSH's server on loopback
  --only loopback|delay   one part only
  --rounds N              measurements of each (5)
  --write                 puts the result into docs/benchmarks.md`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
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
  const rounds = Number(values.rounds)
  if (!(rounds > 0)) throw new Error(`--rounds has a wrong value\n\n${USAGE}`)
  if (values.only !== undefined && !['loopback', 'delay'].includes(values.only)) {
    throw new Error(`--only has a wrong value\n\n${USAGE}`)
  }
  const parts = [`${machineFacts()} ${cryptoFact()}`]
  if (values.only !== 'delay') parts.push(loopbackTable(await benchLoopback(rounds), rounds))
  if (values.only !== 'loopback') parts.push(delayTable(await benchDelayedLine(rounds), rounds))
  const report = parts.join('\n\n')
  console.log(`\n${report}`)
  if (values.write) writeReport(join(import.meta.dirname, '../docs/benchmarks.md'), report, 'sftp')
}

/** Packets are encrypted by ssh2's native addon where npm could build it for this Node. */
function cryptoFact(): string {
  const load = createRequire(import.meta.url)
  const { bindingAvailable } = load('ssh2/lib/protocol/crypto.js') as { readonly bindingAvailable: boolean }
  return bindingAvailable
    ? "With ssh2's native addon."
    : "Without ssh2's native addon: packets are encrypted by Node's crypto."
}

function loopbackTable(rows: readonly LoopbackFigures[], rounds: number): string {
  const lines = rows.map(({ what, rates }) => {
    const ratio = median(rates.map(({ plugin, client }) => plugin / client)).toFixed(2)
    const middle = (of: 'plugin' | 'client' | 'sameCipher'): string => median(rates.map((rate) => rate[of])).toFixed(0)
    return `| ${what} | ${middle('plugin')} | ${middle('client')} | ${middle('sameCipher')} | ${ratio} |`
  })
  return [
    `With fsync, into memory, on loopback, ${rounds} rounds; MB a second, without the time to connect:`,
    '',
    '| | plugin | sftp | sftp with aes128-gcm, as the plugin | ratio to sftp |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

function delayTable(rows: readonly DelayedFigures[], rounds: number): string {
  const lines = rows.map(({ what, rates }) => {
    const ratio = median(rates.map(({ plugin, oneAtATime }) => plugin / oneAtATime)).toFixed(0)
    const middle = (of: 'plugin' | 'oneAtATime'): string => median(rates.map((rate) => rate[of])).toFixed(1)
    return `| ${what} | ${middle('plugin')} | ${middle('oneAtATime')} | ${ratio} |`
  })
  return [
    `Over a line with 20 ms of round-trip delay, 16 MiB, ${rounds} rounds; MB a second:`,
    '',
    '| | plugin | one request of 32 KiB at a time | ratio |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n')
}
