import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { MadeUpWal } from '../support/made-up-wal.ts'
import { makeScratch } from '../support/scratch.ts'

/** A receive directory in a folder of its own, and what it is to hold. */
export class WalDirectory implements AsyncDisposable {
  readonly path: string
  readonly #scratch = makeScratch('stream')

  constructor() {
    this.path = join(this.#scratch.path, 'wal')
    mkdirSync(this.path)
  }

  /** Names of what a user sees, sorted; `.walr` is left out. */
  get names(): readonly string[] {
    return readdirSync(this.path)
      .filter((name) => name !== '.walr')
      .sort()
  }

  /** Names of what is left in `.walr` beside the files that belong there for good. */
  get leftovers(): readonly string[] {
    return readdirSync(join(this.path, '.walr')).filter((name) => !['identity.json', 'lock', 'gaps'].includes(name))
  }

  write(name: string, content: Uint8Array | string): void {
    writeFileSync(join(this.path, name), content)
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name))
  }

  /** That `name` holds exactly the finished segment that begins at `startLsn`. */
  expectSegment(name: string, source: MadeUpWal, startLsn: bigint): void {
    expectSameBytes(name, this.read(name), source.segment(startLsn))
  }

  /** That `name` has a segment's size, the WAL from `startLsn` up to `endLsn`, and zeros after it. */
  expectPartial(name: string, source: MadeUpWal, startLsn: bigint, endLsn: bigint): void {
    const wanted = Buffer.alloc(source.walSegmentSize)
    source.read(startLsn, endLsn).copy(wanted)
    expectSameBytes(name, this.read(name), wanted)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}

/** A comparison whose failure does not print megabytes. */
export function expectSameBytes(what: string, found: Buffer, wanted: Buffer): void {
  const different = found.equals(wanted) ? -1 : found.findIndex((byte, index) => byte !== wanted[index])
  expect({ what, length: found.length, different }).toEqual({ what, length: wanted.length, different: -1 })
}

/** File name of a segment of 1 MiB on a timeline. */
export function segmentName(startLsn: bigint, timelineId = 1, walSegmentSize = 0x10_0000n): string {
  const number = startLsn / walSegmentSize
  const perLog = 0x1_0000_0000n / walSegmentSize
  const parts = [BigInt(timelineId), number / perLog, number % perLog]
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('')
}
