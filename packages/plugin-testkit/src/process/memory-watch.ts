import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Measures how much this thread holds more than at the beginning: the heap and the buffers outside, without garbage. */
export class MemoryWatch {
  readonly #collectGarbage = garbageCollector()
  readonly #atStart: number
  #peakBytes = 0

  constructor() {
    this.#atStart = this.#heldBytes()
  }

  sample(): void {
    this.#peakBytes = Math.max(this.#peakBytes, this.#heldBytes() - this.#atStart)
  }

  /** Fails when any sample was over `bytes`. */
  assertAtMost(bytes: number, what: string): void {
    const mebibytes = (count: number) => (count / 1_048_576).toFixed(1)
    assert.ok(
      this.#peakBytes <= bytes,
      `${what} held ${mebibytes(this.#peakBytes)} MiB of memory; ${mebibytes(bytes)} MiB are allowed`,
    )
  }

  #heldBytes(): number {
    // The memory of buffers is given back beside the program's work; the second collection waits for that of the first.
    this.#collectGarbage()
    this.#collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
}

/** V8's own collector, also where Node was started without `--expose-gc`. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  assert.ok(typeof collect === 'function', 'this JavaScript engine has no gc()')
  return () => {
    Reflect.apply(collect, undefined, [])
  }
}
