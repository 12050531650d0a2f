import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { cleanEnvironment } from '../../test/support/clean-environment.ts'
import { mustRun } from '../../test/support/run-program.ts'
import { makeScratch, type Scratch } from '../../test/support/scratch.ts'
import { spawnTracked } from '../../test/support/tracked-process.ts'
import { asUser, unprivilegedUser } from '../../test/support/unprivileged-user.ts'
import { untilNobodyUses } from './left-processes.ts'
import { SEGMENT_BYTES, type WalSample } from './wal-sample.ts'

/** Calls of a `restore_command`, one after the other. */
export interface Calls {
  /** With %f and %p in it. */
  readonly command: string
  /** The files that are asked for. */
  readonly names: readonly string[]
  /** Shell pattern of the file that shows that the next one was fetched ahead, with %f in it; not waited for when absent. */
  readonly readyPattern?: string
  /** What each call has to answer. */
  readonly answer: 'delivered' | 'absent'
}

/**
 * Stands in for PostgreSQL: for each file it runs the command through `sh -c`, as system(3) does, and prints microseconds and
 * exit status. bash reads the clock itself, so nothing but the command is between two readings. Between two calls there is
 * a pause, as for the replay of a segment.
 */
const LOOP = `
command=$1 ready=$2
shift 2
for name; do
  rm -f pg_wal/RECOVERYXLOG
  sleep 0.1
  if [ -n "$ready" ]; then
    looks=0
    until compgen -G "\${ready//%f/$name}" >/dev/null; do
      looks=$((looks + 1))
      if [ "$looks" -gt 2000 ]; then echo "$name was not fetched ahead within 20 s" >&2; exit 1; fi
      sleep 0.01
    done
  fi
  call=\${command//%f/$name}
  call=\${call//%p/pg_wal/RECOVERYXLOG}
  begun=$EPOCHREALTIME
  sh -c "$call"
  status=$?
  ended=$EPOCHREALTIME
  outcome="status $status"
  if [ -e pg_wal/RECOVERYXLOG ]; then outcome="$outcome, $(stat -c %s pg_wal/RECOVERYXLOG) bytes"; fi
  echo "$((\${ended/./} - \${begun/./})) $outcome"
done
rm -f pg_wal/RECOVERYXLOG
`

const DEADLINE_MS = 600_000

/** A data directory in which commands are called as a PostgreSQL in recovery would. */
export class CallingPlace implements AsyncDisposable {
  readonly dataDirectory: string
  readonly #scratch: Scratch
  readonly #postmaster: ChildProcess

  private constructor(scratch: Scratch, postmaster: ChildProcess) {
    this.#scratch = scratch
    this.dataDirectory = scratch.path
    this.#postmaster = postmaster
  }

  /** Has what a program can learn about the server: pg_control, PG_VERSION, and a postmaster.pid with a process that runs. */
  static async create(sample: WalSample): Promise<CallingPlace> {
    const scratch = makeScratch('calls', 'server')
    const folder = scratch.path
    for (const name of ['global', 'pg_wal', 'pg_stat_tmp']) mkdirSync(join(folder, name))
    for (const name of ['global/pg_control', 'PG_VERSION']) copyFileSync(join(sample.base, name), join(folder, name))
    const postmaster = spawnTracked('sleep', ['infinity'], { cwd: '/', stdio: 'ignore', ...asUser(unprivilegedUser()) })
    const started = Math.floor(Date.now() / 1000)
    writeFileSync(
      join(folder, 'postmaster.pid'),
      `${postmaster.pid ?? 0}\n${folder}\n${started}\n5432\n/tmp\n127.0.0.1\n`,
    )
    const user = unprivilegedUser()
    if (user) await mustRun('chown', ['-R', `${user.uid}:${user.gid}`, folder])
    return new CallingPlace(scratch, postmaster)
  }

  /** Milliseconds of each call. Rejects when one answers something else. */
  async time({ command, names, readyPattern = '', answer }: Calls): Promise<readonly number[]> {
    const output = await mustRun('bash', ['-c', LOOP, 'bash', command, readyPattern, ...names], {
      cwd: this.dataDirectory,
      env: cleanEnvironment(),
      deadlineMs: DEADLINE_MS,
      ...asUser(unprivilegedUser()),
    })
    const expected = answer === 'delivered' ? `status 0, ${SEGMENT_BYTES} bytes` : 'status 1'
    return output
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [microseconds = '', ...outcome] = line.split(' ')
        if (outcome.join(' ') !== expected)
          throw new Error(`${command}: answered ${outcome.join(' ')}, not ${expected}`)
        return Number(microseconds) / 1000
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#postmaster.kill()
    await mustRun('rm', ['-f', join(this.dataDirectory, 'postmaster.pid')])
    await untilNobodyUses(this.dataDirectory)
    await this.#scratch[Symbol.asyncDispose]()
  }
}
