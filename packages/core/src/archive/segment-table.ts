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
  count: number
}

/** Copies of a segment under so many suffixes are still kept together. */
const SIDE_BY_SIDE = 4

/** The segments of one timeline: a number for each, so that a million of them are 8 MB. */
export class SegmentTable {
  readonly #stretches: Stretch[] = []
  readonly #runs: { first: bigint; end: bigint }[] = []
  #objectCount = 0
  #storedBytes = 0

  /** To be called in the order of segments. */
  add(segmentNumber: bigint, suffixes: string, storedBytes: number): void {
    this.#objectCount += 1
    this.#storedBytes += storedBytes
    const run = this.#runs.at(-1)
    if (run === undefined || segmentNumber > run.end) this.#runs.push({ first: segmentNumber, end: segmentNumber + 1n })
    else if (segmentNumber === run.end) run.end += 1n
    const stretch = this.#stretches
      .slice(-SIDE_BY_SIDE)
      .find((other) => other.suffixes === suffixes && other.first + BigInt(other.count) === segmentNumber)
    if (stretch) append(stretch, storedBytes)
    else this.#stretches.push({ suffixes, first: segmentNumber, sizes: Float64Array.of(storedBytes), count: 1 })
  }

  /** Consecutive segments that are there, under whatever suffixes. */
  get runs(): readonly NumberRun[] {
    return this.#runs
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

function append(stretch: Stretch, storedBytes: number): void {
  if (stretch.count === stretch.sizes.length) {
    const larger = new Float64Array(stretch.sizes.length * 2)
    larger.set(stretch.sizes)
    stretch.sizes = larger
  }
  stretch.sizes[stretch.count] = storedBytes
  stretch.count += 1
}
