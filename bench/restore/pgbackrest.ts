import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../../test/support/clean-environment.ts'
import { findClientProgram } from '../../test/support/postgres-binaries.ts'
import { mustRun } from '../../test/support/run-program.ts'
import { makeScratch, type Scratch } from '../../test/support/scratch.ts'
import { asUser, unprivilegedUser } from '../../test/support/unprivileged-user.ts'
import { eachInParallel } from './each-in-parallel.ts'
import { untilNobodyUses } from './left-processes.ts'
import type { WalBringer } from './wal-bringer.ts'
import type { WalSample } from './wal-sample.ts'

/** What `compress-type` says. */
export type PgBackRestCompression = 'gz' | 'zst'

/** How `archive-get` is called. */
export interface ArchiveGetOptions {
  readonly compression: PgBackRestCompression
  /** MiB of `archive-get-queue-max`; 0 for one segment at a time, without anything ahead. */
  readonly queueMib: number
}

const STANZA = 'bench'
const PROCESSES = 2
const COMPRESSIONS: readonly PgBackRestCompression[] = ['gz', 'zst']

/** pgBackRest's program, or an error that says how to get it. */
export function findPgBackRest(): string {
  const program = findClientProgram('pgbackrest')
  if (program !== undefined) return program
  throw new Error(
    'pgbackrest is not installed. On Debian, root installs it with: apt-get install --yes --no-install-recommends pgbackrest',
  )
}

/** Repositories of pgBackRest's own, in folders, with the sample's WAL: one for each compression, with its default level. */
export class PgBackRest implements AsyncDisposable {
  readonly version: string
  readonly #program: string
  readonly #scratch: Scratch

  private constructor(program: string, version: string, scratch: Scratch) {
    this.#program = program
    this.version = version
    this.#scratch = scratch
  }

  /** Makes the repositories and pushes the sample's segments by `archive-push`. */
  static async create(sample: WalSample): Promise<PgBackRest> {
    const program = findPgBackRest()
    const version = (await mustRun(program, ['version'], { env: cleanEnvironment() })).trim().split(' ').at(-1) ?? ''
    const made = new PgBackRest(program, version, makeScratch('pgbackrest', 'server'))
    try {
      for (const compression of COMPRESSIONS) await made.#push(sample, compression)
      return made
    } catch (error) {
      await made[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Recovery from one of the repositories, asynchronously. */
  bringer({ compression, queueMib }: ArchiveGetOptions): WalBringer {
    const ahead = [
      'archive-async=y',
      `process-max=${PROCESSES}`,
      `spool-path=${this.#spool}`,
      `archive-get-queue-max=${queueMib}MiB`,
    ]
    const config = this.#configure(`get-${compression}-${queueMib}`, compression, queueMib > 0 ? ahead : [])
    return {
      name: `pgBackRest, ${compression}, queue of ${queueMib} MiB`,
      restoreCommand: (dataDirectory) =>
        `${this.#program} --config=${config} --pg1-path="${dataDirectory}" --stanza=${STANZA} archive-get %f "%p"`,
      prepare: () => {
        rmSync(this.#spool, { recursive: true, force: true })
        return Promise.resolve()
      },
      finish: () => this.#untilIdle(),
    }
  }

  /** Shell pattern of a segment that was fetched ahead, with %f for its name. */
  get readyPattern(): string {
    return join(this.#spool, 'archive', STANZA, 'in/%f')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#untilIdle().catch(() => undefined)
    await this.#scratch[Symbol.asyncDispose]()
  }

  /** Where its asynchronous processes leave what they have fetched. */
  get #spool(): string {
    return join(this.#scratch.path, 'spool')
  }

  async #push(sample: WalSample, compression: PgBackRestCompression): Promise<void> {
    const config = this.#configure(`push-${compression}`, compression, [`compress-type=${compression}`])
    const common = [`--config=${config}`, `--pg1-path=${sample.base}`, `--stanza=${STANZA}`]
    await this.#run([...common, 'stanza-create', '--no-online'])
    await eachInParallel(sample.segments, PROCESSES, async (name) => {
      await this.#run([...common, 'archive-push', join(sample.walDirectory, name)])
    })
  }

  #configure(name: string, compression: PgBackRestCompression, lines: readonly string[]): string {
    const place = this.#scratch.path
    const path = join(place, `${name}.conf`)
    const common = [
      '[global]',
      `repo1-path=${join(place, `repository-${compression}`)}`,
      `lock-path=${join(place, 'lock')}`,
      `log-path=${join(place, 'log')}`,
      'log-level-console=warn',
      'log-level-file=off',
    ]
    writeFileSync(path, `${[...common, ...lines, '', `[${STANZA}]`].join('\n')}\n`, { mode: 0o644 })
    return path
  }

  async #run(args: readonly string[]): Promise<void> {
    await mustRun(this.#program, args, { cwd: '/', env: cleanEnvironment(), ...asUser(unprivilegedUser()) })
  }

  /** An asynchronous process may still be fetching for a server that is gone. */
  async #untilIdle(): Promise<void> {
    await untilNobodyUses(this.#scratch.path)
  }
}
