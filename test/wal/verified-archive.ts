import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib'
import type { Verification } from '../../packages/core/src/app/wal/verification-text.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { runWalr } from '../support/walr-process.ts'

/** A copy of an archive that a test may damage, with a configuration for it. */
export class ArchiveCopy implements Disposable {
  readonly #scratch: Scratch
  readonly configFile: string
  readonly directory: string

  /** @param from the folder of the storage; its objects are copied. */
  constructor(from: string) {
    this.#scratch = makeScratch('verified')
    this.directory = join(this.#scratch.path, 'archive')
    this.configFile = join(this.#scratch.path, 'walr.config.yaml')
    cpSync(from, this.directory, { recursive: true })
    writeFileSync(this.configFile, 'archive:\n  storage: { use: local, path: archive }\n')
  }

  /** A file beside the archive. */
  path(name: string): string {
    return join(this.#scratch.path, name)
  }

  /** Keys of the segments of a timeline, in order. */
  segmentKeys(timelineId = 1): readonly string[] {
    const folder = String(timelineId).padStart(8, '0')
    const keys = readdirSync(this.directory, { recursive: true, encoding: 'utf8' })
    return keys.filter((key) => key.includes(`/wal/${folder}/0`)).toSorted()
  }

  /** The key of the segment at this place among those of its timeline; negative: from the end. */
  segmentKey(index: number, timelineId = 1): string {
    const key = this.segmentKeys(timelineId).at(index)
    if (key === undefined) throw new Error(`no segment ${index} of timeline ${timelineId}`)
    return key
  }

  /** Changes an object. */
  alter(key: string, change: (bytes: Buffer) => Uint8Array): void {
    const path = join(this.directory, key)
    writeFileSync(path, change(readFileSync(path)))
  }

  /** Changes the WAL in an object, which is encoded again as walr does it. */
  alterWal(key: string, change: (bytes: Buffer) => void): void {
    this.alter(key, (coded) => {
      const bytes = zstdDecompressSync(coded)
      change(bytes)
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })
    })
  }

  copy(from: string, to: string): void {
    copyFileSync(join(this.directory, from), join(this.directory, to))
  }

  write(key: string, content: string): void {
    mkdirSync(dirname(join(this.directory, key)), { recursive: true })
    writeFileSync(join(this.directory, key), content)
  }

  remove(...keys: readonly string[]): void {
    for (const key of keys) rmSync(join(this.directory, key))
  }

  /** The folder of the system. */
  get system(): string {
    return this.segmentKey(0).split('/').slice(0, 2).join('/')
  }

  segmentName(index: number, timelineId = 1): string {
    return this.segmentKey(index, timelineId).split('/').at(-1)?.slice(0, 24) ?? ''
  }

  /** Keys of all objects. */
  keys(): readonly string[] {
    return readdirSync(this.directory, { recursive: true, encoding: 'utf8' })
  }

  /** As if the volume were not there. */
  takeAway(): void {
    rmSync(this.directory, { recursive: true })
  }

  /**
   * Configures a storage that answers for `gate.key` only when there is a file `gate.open`, and makes a file `gate.reached`
   * when it was asked for.
   */
  useGatedStorage(gate: { readonly key: string; readonly reached: string; readonly open: string }): void {
    writeFileSync(this.path('gated.mjs'), gatedStorage(this.directory, gate))
    writeFileSync(this.configFile, 'plugins: ["./gated.mjs"]\narchive:\n  storage: { use: "./gated.mjs" }\n')
  }

  verify(...args: readonly string[]): Promise<Verification> {
    return verify('--config', this.configFile, ...args)
  }

  [Symbol.dispose](): void {
    this.#scratch.remove()
  }
}

function gatedStorage(
  directory: string,
  { key, reached, open }: { readonly key: string; readonly reached: string; readonly open: string },
): string {
  return `import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
const base = ${JSON.stringify(directory)} + '/'
const no = () => Promise.reject(new Error('only for reading'))
const tell = (key) => ({ key, size: statSync(base + key).size, modifiedAt: new Date(0) })
export default {
  name: './gated.mjs', apiVersion: 1, options: [], parseOptions: () => ({}),
  createStorage: async () => ({
    capabilities: { createIfAbsent: 'atomic', rangeReads: false, maxObjectBytes: Infinity },
    put: no, delete: no, head: async (key) => tell(key),
    async get(key, { signal }) {
      if (key === ${JSON.stringify(key)}) {
        writeFileSync(${JSON.stringify(reached)}, '')
        while (!existsSync(${JSON.stringify(open)})) await delay(20, undefined, { signal })
      }
      return (async function* () { yield readFileSync(base + key) })()
    },
    async *list(prefix, { startAfter = '' }) {
      const keys = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((key) => statSync(base + key).isFile())
      for (const key of keys.sort()) if (key.startsWith(prefix) && key > startAfter) yield tell(key)
    },
    async [Symbol.asyncDispose]() {},
  }),
}
`
}

/** Runs `walr wal verify --json`. */
export async function verify(...args: readonly string[]): Promise<Verification> {
  const { stdout, stderr, exitCode } = await runWalr(['wal', 'verify', '--json', ...args])
  if (stdout === '') throw new Error(`no result (exit status ${exitCode ?? ''}): ${stderr}`)
  if (stderr !== '') throw new Error(`--json, and on stderr is: ${stderr}`)
  const result = JSON.parse(stdout) as Verification
  if (result.exitStatus !== exitCode) throw new Error(`exit status ${exitCode ?? ''}, and ${result.exitStatus} in JSON`)
  return result
}
