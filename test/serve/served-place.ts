import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { MadeUpWal } from '../support/made-up-wal.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import type { ProgramResult } from '../support/run-program.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'

/** The name of the segment with this number, on timeline 1. */
export function segmentName(number: number): string {
  return `0000000100000000${number.toString(16).toUpperCase().padStart(8, '0')}`
}

/** A receive directory and an archive with made-up WAL in them, and a `walr serve` for both. */
export class ServedPlace implements AsyncDisposable {
  readonly wal: MadeUpWal
  readonly root: string
  readonly directory: string
  readonly archive: string
  readonly config: string
  readonly #scratch: Scratch
  #walr: RunningProgram | undefined
  #url = ''

  constructor(walSegmentSize = 1_048_576) {
    this.wal = new MadeUpWal({ walSegmentSize })
    this.#scratch = makeScratch('serve')
    this.root = this.#scratch.path
    this.directory = join(this.root, 'receive')
    this.archive = join(this.root, 'archive')
    this.config = join(this.root, 'walr.config.yaml')
    mkdirSync(join(this.directory, '.walr'), { recursive: true })
    const { systemIdentifier } = this.wal
    const identity = JSON.stringify({ format: 1, systemIdentifier, walSegmentSize, serverVersion: '15.1' })
    writeFileSync(join(this.directory, '.walr', 'identity.json'), identity)
    writeFileSync(join(this.directory, '.walr', 'archive.json'), '{}')
    this.putObject(
      'identity.json',
      JSON.stringify({ format: 1, archiveId: 'x', cluster: 'main', systemIdentifier, walSegmentSize }),
    )
    this.configure({})
  }

  configure(http: Readonly<Record<string, string | number>>): void {
    const settings = {
      receive: { directory: this.directory },
      archive: { storage: { use: 'local', path: this.archive } },
      http: { listen: '127.0.0.1:0', ...http },
    }
    writeFileSync(this.config, JSON.stringify(settings))
  }

  segment(number: number): Buffer {
    return this.wal.segment(BigInt(number) * BigInt(this.wal.walSegmentSize))
  }

  putFile(name: string, bytes: Buffer | string): void {
    writeFileSync(join(this.directory, name), bytes)
  }

  putObject(key: string, bytes: Buffer | string): void {
    const path = join(this.archive, 'main', this.wal.systemIdentifier, key)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }

  archiveSegment(number: number, bytes: Buffer = this.segment(number)): void {
    this.putObject(`wal/00000001/${segmentName(number)}.zst`, zstdCompressSync(bytes))
  }

  takeArchiveAway(): void {
    renameSync(this.archive, `${this.archive}.away`)
  }

  bringArchiveBack(): void {
    renameSync(`${this.archive}.away`, this.archive)
  }

  /** Starts `walr serve`, and waits until it listens. */
  async serve(args: readonly string[] = ['--config', this.config], env = {}): Promise<RunningProgram> {
    await this.#walr?.[Symbol.asyncDispose]()
    this.#walr = startWalr(['serve', ...args, '--verbose'], { env, cwd: this.root })
    const line = await this.#walr.waitForLine(/serving WAL on /)
    this.#url = line.replace(/^.* on /, '')
    return this.#walr
  }

  get url(): string {
    return this.#url
  }

  get walr(): RunningProgram {
    if (!this.#walr) throw new Error('walr serve was not started')
    return this.#walr
  }

  get target(): string {
    return join(this.root, 'target')
  }

  /** Runs restore-command against it. */
  restore(name: string, args: readonly string[] = [], env = {}): Promise<ProgramResult> {
    const more = args.includes('--serve-addr') ? [] : ['--serve-addr', this.url]
    return runWalr(['restore-command', ...more, '--timeout', '1s', ...args, name, this.target], { env, cwd: this.root })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walr?.[Symbol.asyncDispose]()
    if (existsSync(`${this.archive}.away`)) this.bringArchiveBack()
    await this.#scratch[Symbol.asyncDispose]()
  }
}

export interface Fetched {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

/** Fetches a file; rejects when the connection ends before the body does. */
export async function fetchWal(url: string, path: string, init: RequestInit = {}): Promise<Fetched> {
  const response = await fetch(`${url}${path}`, init)
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
}
