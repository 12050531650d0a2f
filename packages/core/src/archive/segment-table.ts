import { createHash } from 'node:crypto'
import type { NumberRun } from './segment-runs.ts'

/** A segment, and the objects or files that hold it. */
export interface TableSegment {
  readonly segmentNumber: bigint
  readonly copies: readonly TableCopy[]
}

export interface TableCopy {
  readonly suffixes: string
  readonly storedBytes: number
}

/** Consecutive segments under the same suffixes. */
interface Stretch {
  readonly suffixes: string
  readonly first: bigint
  sizes: Float64Array
  /** When each was modified, in milliseconds since 1970. */
  times: Float64Array
  count: number
}

/** Copies of a segment under so many suffixes are still kept together. */
const SIDE_BY_SIDE = 4

/** The segments of one timeline: two numbers for each, so that a million of them are 16 MB. */
export class SegmentTable {
  readonly #stretches: Stretch[] = []
  readonly #runs: { first: bigint; end: bigint }[] = []
  #objectCount = 0
  #storedBytes = 0

  /** To be called in the order of segments. */
  add(segmentNumber: bigint, suffixes: string, storedBytes: number, modifiedAt: Date): void {
    const modifiedMs = modifiedAt.getTime()
    this.#objectCount += 1
    this.#storedBytes += storedBytes
    const run = this.#runs.at(-1)
    if (run === undefined || segmentNumber > run.end) this.#runs.push({ first: segmentNumber, end: segmentNumber + 1n })
    else if (segmentNumber === run.end) run.end += 1n
    const stretch = this.#stretches
      .slice(-SIDE_BY_SIDE)
      .find((other) => other.suffixes === suffixes && other.first + BigInt(other.count) === segmentNumber)
    if (stretch) append(stretch, storedBytes, modifiedMs)
    else {
      const [sizes, times] = [Float64Array.of(storedBytes), Float64Array.of(modifiedMs)]
      this.#stretches.push({ suffixes, first: segmentNumber, sizes, times, count: 1 })
    }
  }

  /** Consecutive segments that are there, under whatever suffixes. */
  get runs(): readonly NumberRun[] {
    return this.#runs
  }

  /** All that objects of it end in. */
  get suffixes(): ReadonlySet<string> {
    return new Set(this.#stretches.map(({ suffixes }) => suffixes))
  }

  get segmentCount(): number {
    return this.#runs.reduce((sum, { first, end }) => sum + Number(end - first), 0)
  }

  get objectCount(): number {
    return this.#objectCount
  }

  get storedBytes(): number {
    return this.#storedBytes
  }

  /** How many bytes are stored for the segments of a run. */
  storedBytesOf({ first, end }: NumberRun): number {
    let sum = 0
    for (const stretch of this.#stretches) {
      const from = Math.max(0, Number(first - stretch.first))
      const to = Math.min(stretch.count, Number(end - stretch.first))
      for (let index = from; index < to; index += 1) sum += stretch.sizes[index] ?? 0
    }
    return sum
  }

  /**
   * Of the numbers, suffixes, sizes and times of all objects of a run: another one when any of them is another, in whatever
   * order copies of a segment were added.
   */
  digestOf({ first, end }: NumberRun): string {
    const lines: string[] = []
    for (const stretch of this.#stretches) {
      const from = Math.max(0, Number(first - stretch.first))
      const to = Math.min(stretch.count, Number(end - stretch.first))
      for (let index = from; index < to; index += 1) {
        const number = stretch.first + BigInt(index)
        lines.push(`${number}${stretch.suffixes} ${stretch.sizes[index] ?? 0} ${stretch.times[index] ?? 0}`)
      }
    }
    return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
  }

  /** The segments of a run in order; those that are not there are left out. */
  *segments({ first, end }: NumberRun): Generator<TableSegment, void, undefined> {
    const relevant = this.#stretches.filter(
      (stretch) => stretch.first < end && stretch.first + BigInt(stretch.count) > first,
    )
    let from = 0
    for (const run of this.#runs) {
      const runEnd = run.end < end ? run.end : end
      for (let number = run.first > first ? run.first : first; number < runEnd; number += 1n) {
        while (from < relevant.length && endOf(relevant[from]) <= number) from += 1
        const copies: TableCopy[] = []
        for (let at = from; at < relevant.length; at += 1) {
          const stretch = relevant[at]
          if (!stretch || stretch.first > number) break
          const size = stretch.sizes[Number(number - stretch.first)]
          const isThere = number < stretch.first + BigInt(stretch.count)
          if (size !== undefined && isThere) copies.push({ suffixes: stretch.suffixes, storedBytes: size })
        }
        yield { segmentNumber: number, copies }
      }
    }
  }
}

function endOf(stretch: Stretch | undefined): bigint {
  return stretch === undefined ? 0n : stretch.first + BigInt(stretch.count)
}

function append(stretch: Stretch, storedBytes: number, modifiedMs: number): void {
  if (stretch.count === stretch.sizes.length) {
    stretch.sizes = doubled(stretch.sizes)
    stretch.times = doubled(stretch.times)
  }
  stretch.sizes[stretch.count] = storedBytes
  stretch.times[stretch.count] = modifiedMs
  stretch.count += 1
}

function doubled(numbers: Float64Array): Float64Array {
  const larger = new Float64Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
