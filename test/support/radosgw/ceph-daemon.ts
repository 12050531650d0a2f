import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun } from '../run-program.ts'
import { spawnTracked } from '../tracked-process.ts'
import { asUser, unprivilegedUser } from '../unprivileged-user.ts'
import { within } from '../wait-for.ts'

/** One of Ceph's programs while it runs in the foreground. */
export interface CephDaemon {
  readonly isRunning: boolean
  /** What it has written so far. */
  readonly log: () => string
  /** Kills it: nothing that it has is worth an orderly end. */
  readonly stop: () => Promise<void>
}

/** Starts one of Ceph's daemons as the unprivileged user, with the `ceph.conf` of `directory`. */
export function startDaemon(directory: string, program: string, args: readonly string[]): CephDaemon {
  const logFile = join(directory, `${program}.log`)
  const log = openSync(logFile, 'a')
  const child = spawnTracked(program, ['-c', 'ceph.conf', '-f', ...args], {
    ...place(directory),
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  let failure: unknown
  const exited = once(child, 'exit').catch((error: unknown) => {
    failure = error
  })
  const isRunning = (): boolean => failure === undefined && child.exitCode === null && child.signalCode === null
  return {
    get isRunning() {
      return isRunning()
    },
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => {
      if (!isRunning()) return
      child.kill('SIGKILL')
      await within(`${program} ends`, 10_000, exited)
    },
  }
}

/** Runs one of Ceph's tools to its end, as the same user and with the same configuration. Resolves to its output. */
export async function runCephTool(directory: string, program: string, args: readonly string[]): Promise<string> {
  return mustRun(program, ['-c', 'ceph.conf', ...args], { ...place(directory), deadlineMs: 60_000 })
}

function place(directory: string): { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  return { cwd: directory, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, ...asUser(unprivilegedUser()) }
}
