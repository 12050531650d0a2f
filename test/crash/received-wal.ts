import { createReadStream, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { decodeSegment } from '../../packages/core/src/wal/compression/segment-decoder.ts'
import { formatLsn, parseLsn, toLsn } from '../../packages/core/src/wal/lsn.ts'
import { listSegments, type SegmentEntry } from '../../packages/core/src/wal/segment-directory.ts'
import type { WalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import type { PostgresCluster } from '../support/postgres-cluster.ts'

/** What {@link ReceivedWal.prove} found. */
export interface Proof {
  /** Finished segments, by number, in order. */
  readonly finished: readonly bigint[]
  /** The open segment, if there is one. */
  readonly open: bigint | undefined
}

/** A receive directory, compared with the WAL that the server itself has kept. */
export class ReceivedWal {
  readonly #cluster: PostgresCluster
  readonly #directory: string
  readonly #walSegmentSize: WalSegmentSize
  /** Finished files that were compared already: they never change, and there are many of them. */
  readonly #proven = new Set<string>()

  constructor(cluster: PostgresCluster, directory: string, walSegmentSize: WalSegmentSize) {
    this.#cluster = cluster
    this.#directory = directory
    this.#walSegmentSize = walSegmentSize
  }

  entries(): Promise<readonly SegmentEntry[]> {
    return listSegments(nodeDisk, this.#directory, this.#walSegmentSize)
  }

  /** Names of the segment files, in order. */
  async names(): Promise<readonly string[]> {
    return (await this.entries()).map((entry) => entry.fileName).sort()
  }

  /** The WAL in a file of the directory; of a `.partial`, all that can be read. */
  async read(entry: SegmentEntry): Promise<Buffer> {
    const path = join(this.#directory, entry.fileName)
    if (entry.suffix === '') return readFile(path)
    const chunks: Uint8Array[] = []
    const source = createReadStream(path)
    for await (const chunk of decodeSegment(entry.suffix, source, { tolerateCut: entry.partial })) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  /** Bytes of a segment in the server's own `pg_wal`. */
  serverBytes(walFileName: string): Buffer {
    return readFileSync(join(this.#cluster.dataDirectory, 'pg_wal', walFileName))
  }

  /**
   * Fails unless the directory has no hole, every finished segment is the server's byte for byte, and every byte before
   * `through` is there, in the open segment as well. `afresh` compares finished files again that were equal before.
   */
  async prove(through: bigint, { afresh = false } = {}): Promise<Proof> {
    if (afresh) this.#proven.clear()
    const entries = await this.entries()
    const finished = entries.filter((entry) => !entry.partial).sort(bySegmentNumber)
    for (const entry of finished) await this.#proveFinished(entry)
    const numbers = finished.map((entry) => entry.segmentNumber)
    const first = numbers[0] ?? 0n
    expect(numbers, 'finished segments follow each other').toEqual(numbers.map((_, index) => first + BigInt(index)))
    const open = entries.filter((entry) => entry.partial)
    expect(open.length, `one open segment: ${open.map((entry) => entry.fileName).join()}`).toBeLessThanOrEqual(1)
    await this.#proveOpen(open[0], numbers.at(-1), through)
    return { finished: numbers, open: open[0]?.segmentNumber }
  }

  async #proveFinished(entry: SegmentEntry): Promise<void> {
    if (this.#proven.has(entry.fileName)) return
    const bytes = await this.read(entry)
    expect(bytes.equals(this.serverBytes(entry.walFileName)), `${entry.fileName} is the server's`).toBe(true)
    this.#proven.add(entry.fileName)
  }

  async #proveOpen(open: SegmentEntry | undefined, lastFinished: bigint | undefined, through: bigint): Promise<void> {
    const size = BigInt(this.#walSegmentSize)
    const where = `bytes before ${formatLsn(toLsn(through))}`
    if (!open) {
      expect(((lastFinished ?? -1n) + 1n) * size, `${where} are in finished segments`).toBeGreaterThanOrEqual(through)
      return
    }
    if (lastFinished !== undefined) expect(open.segmentNumber, 'the open segment is the next').toBe(lastFinished + 1n)
    const needed = Number(through - open.segmentNumber * size)
    if (needed <= 0) return
    expect(needed, `${where} are not beyond ${open.fileName}`).toBeLessThanOrEqual(this.#walSegmentSize)
    const bytes = await this.read(open)
    expect(bytes.length, `${where} are in ${open.fileName}`).toBeGreaterThanOrEqual(needed)
    const same = bytes.subarray(0, needed).equals(this.serverBytes(open.walFileName).subarray(0, needed))
    expect(same, `${where} in ${open.fileName} are the server's`).toBe(true)
  }
}

/** An LSN in the server's notation as a number. */
export function lsnOf(text: string): bigint {
  const lsn = parseLsn(text)
  if (lsn === undefined) throw new Error(`not an LSN: "${text}"`)
  return lsn
}

function bySegmentNumber(a: SegmentEntry, b: SegmentEntry): number {
  return a.segmentNumber < b.segmentNumber ? -1 : 1
}
