import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { childrenOf, statFields } from '../test/support/process-table.ts'
import { spawnTracked } from '../test/support/tracked-process.ts'

/** What a program used. */
export interface Usage {
  readonly wallSeconds: number
  /** User and system time of all its threads. */
  readonly cpuSeconds: number
  readonly peakRssBytes: number
}

const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on
const SAMPLE_MS = 50

/**
 * Runs a program to its end and measures it. The times are those that the kernel reports to bash's `time` when the program
 * is reaped; the memory is its high-water mark, looked at every 50 ms.
 */
export async function measure(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Usage> {
  const script = 'TIMEFORMAT="%R %U %S"; { time "$@" 2>&3; } 3>&1'
  const child = spawnTracked('bash', ['-c', script, 'bash', program, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid, stdout, stderr } = child
  if (pid === undefined || !stdout || !stderr) throw new Error('bash could not be started')
  let peakRssBytes = 0
  const sampler = setInterval(() => {
    for (const measured of childrenOf(pid)) peakRssBytes = Math.max(peakRssBytes, peakRss(measured))
  }, SAMPLE_MS)
  const [output, times] = await Promise.all([text(stdout), text(stderr), once(child, 'exit')])
  clearInterval(sampler)
  if (child.exitCode !== 0) throw new Error(`${program} ended with ${child.exitCode ?? 'a signal'}:\n${output}`)
  const [wallSeconds = 0, user = 0, system = 0] = times.trim().split('\n').at(-1)?.split(' ').map(Number) ?? []
  return { wallSeconds, cpuSeconds: user + system, peakRssBytes }
}

/** What a running process has used so far; `wallSeconds` is since `startedAtMs` of `performance.now()`. */
export function usageOf(pid: number, startedAtMs: number): Usage {
  const fields = statFields(pid)
  if (!fields) throw new Error(`process ${pid} has ended before it could be measured`)
  // utime and stime are the fields 14 and 15 of the whole line, of which the first two are cut off
  const ticks = Number(fields[11]) + Number(fields[12])
  const wallSeconds = (performance.now() - startedAtMs) / 1000
  return { wallSeconds, cpuSeconds: ticks / TICKS_PER_SECOND, peakRssBytes: peakRss(pid) }
}

function peakRss(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) * 1024 : 0
  } catch {
    return 0 // it has ended meanwhile
  }
}
