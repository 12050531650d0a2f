import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratch, type Scratch } from './scratch.ts'
import { waitFor } from './wait-for.ts'

/** A scratch folder that WAL is received into, owned by the user that runs PostgreSQL. */
export class ReceivedDirectory implements AsyncDisposable {
  readonly path: string
  readonly #scratch: Scratch

  constructor() {
    this.#scratch = makeScratch('received', 'server')
    this.path = join(this.#scratch.path, 'wal') // not the scratch folder itself, so that its owner can move it away
    mkdirSync(this.path, 0o700)
    const { uid, gid } = statSync(this.#scratch.path)
    chownSync(this.path, uid, gid)
  }

  /** Names of the finished, uncompressed segments, in order. */
  get segments(): readonly string[] {
    return this.names.filter((name) => /^[0-9A-F]{24}$/.test(name))
  }

  /** Names of all files that are part of pg_receivewal's layout, in order. */
  get names(): readonly string[] {
    return readdirSync(this.path)
      .filter((name) => name !== '.walr')
      .sort()
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name))
  }

  /** Permission bits of a file. */
  mode(name: string): number {
    return statSync(join(this.path, name)).mode & 0o777
  }

  /** Resolves once this file is there. */
  async untilPresent(name: string, deadlineMs = 20_000): Promise<void> {
    await waitFor(`${name} is received`, () => this.names.includes(name), { deadlineMs }).catch((error: unknown) => {
      throw new Error(`only received: ${this.names.join(' ')}`, { cause: error })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}
