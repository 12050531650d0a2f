import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { isAlive } from './process-table.ts'

const PDEATHSIG_TOOL = '/usr/bin/setpriv'
const live = new Map<ChildProcess, NodeJS.Signals>()

process.prependListener('exit', () => {
  for (const [child, signal] of live) child.kill(signal)
  const deadline = performance.now() + 5000
  while ([...live.keys()].some(({ pid }) => isAlive(pid)) && performance.now() < deadline) pause(10)
  for (const child of live.keys()) child.kill('SIGKILL')
})

/** How {@link spawnTracked} starts a process; beyond Node's own options. */
export interface TrackedOptions extends SpawnOptions {
  /** What ends it when this process ends; SIGKILL when absent. Given a moment to take effect. */
  readonly whenOrphaned?: 'SIGQUIT' | 'SIGKILL'
}

/**
 * Starts a process that cannot outlive this one: it is ended when this process exits, and where `setpriv` (util-linux)
 * exists the kernel does it even if this process dies by SIGKILL. It runs in its own process group, so that Ctrl-C on a
 * terminal reaches this process alone, which then stops things in order.
 */
export function spawnTracked(program: string, args: readonly string[], options: TrackedOptions = {}): ChildProcess {
  const { whenOrphaned = 'SIGKILL', ...spawnOptions } = options
  const prefix = existsSync(PDEATHSIG_TOOL) ? [PDEATHSIG_TOOL, '--pdeathsig', whenOrphaned.slice(3), '--'] : []
  const [file = program, ...rest] = [...prefix, program, ...args]
  const child = spawn(file, rest, { detached: true, ...spawnOptions })
  live.set(child, whenOrphaned)
  child.once('exit', () => live.delete(child))
  child.once('error', () => live.delete(child))
  return child
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
