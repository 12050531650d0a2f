import { spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf, isAlive } from './process-table.ts'
import { spawnTracked } from './tracked-process.ts'
import { asUser, unprivilegedUser } from './unprivileged-user.ts'
import { waitFor, within } from './wait-for.ts'

const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/** One run of a PostgreSQL server, from start to end. */
export class PostgresServer {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #logFile: string
  readonly #logStart: number
  #failure: Error | undefined

  constructor(postgres: string, dataDirectory: string, logFile: string) {
    this.#logFile = logFile
    this.#logStart = readFileSync(logFile).length
    const log = openSync(logFile, 'a')
    this.#child = spawnTracked(postgres, ['-D', dataDirectory], {
      cwd: '/',
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', log, log],
      whenOrphaned: 'SIGQUIT',
      ...asUser(unprivilegedUser()),
    })
    closeSync(log)
    this.#exited = once(this.#child, 'exit').catch((error: unknown) => {
      this.#failure = new Error(`${postgres} could not be started`, { cause: error })
    })
  }

  get isRunning(): boolean {
    return this.#failure === undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw this.#failure ?? new Error('the server has no process')
    return this.#child.pid
  }

  /** Polls `probe` until it succeeds; rejects with the log when the server ends or a minute passes. */
  async untilReady(probe: () => Promise<unknown>): Promise<void> {
    try {
      await waitFor(
        'the server is ready',
        async () => {
          if (!this.isRunning) return 'ended'
          await probe()
          return 'ready'
        },
        { deadlineMs: 60_000 },
      )
    } catch (error) {
      throw new Error(`the server is not ready; its log:\n${this.#log()}`, { cause: error })
    }
    if (!this.isRunning)
      throw new Error(`the server ended while starting; its log:\n${this.#log()}`, { cause: this.#failure })
  }

  async stop(how: keyof typeof SIGNALS): Promise<void> {
    if (!this.isRunning) return
    this.#child.kill(SIGNALS[how])
    await within(`stop ${how}`, 60_000, this.#exited)
  }

  async kill(): Promise<void> {
    if (!this.isRunning) return
    this.#child.kill('SIGSTOP') // no new children while they are counted
    const children = childrenOf(this.pid)
    for (const pid of [this.pid, ...children]) killIfPresent(pid)
    await within('kill', 10_000, this.#exited)
    await waitFor('the children are gone', () => children.every((pid) => !isAlive(pid)))
  }

  async ended(deadlineMs: number): Promise<number | null> {
    await within('the server ends', deadlineMs, this.#exited)
    return this.#child.exitCode
  }

  #log(): string {
    return readFileSync(this.#logFile).subarray(this.#logStart).toString()
  }
}

function killIfPresent(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}

/**
 * Removes the System V shared memory that a server which was killed left behind; a server that starts again on the same data
 * directory would do it itself. The seventh line of `postmaster.pid` has its key and id.
 */
export function removeLeftSharedMemory(dataDirectory: string): void {
  const pidFile = join(dataDirectory, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const id = readFileSync(pidFile, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1]
  if (id !== undefined) spawnSync('ipcrm', ['-m', id])
}
