import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk, DiskEntry } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { RestoreBench } from './restore-bench.fixture.ts'
import { segment, validSegment } from './segment.fixture.ts'
import { VanishedFile } from './vanished-file.ts'
import { parseWantedFile } from './wanted-file.ts'
import { WalFetcher } from './wal-fetcher.ts'
import type { WalCopy, WalSource } from './wal-source.ts'

const one = '000000010000000000000001'
const two = '000000010000000000000002'
const three = '000000010000000000000003'

let bench: RestoreBench
beforeEach(() => {
  bench = new RestoreBench()
})
afterEach(() => bench.remove())

/** Empties directory and archive, and begins both. */
function begin(): void {
  bench.remove()
  bench = new RestoreBench()
  bench.recover()
  bench.mark()
  bench.markArchived()
  bench.archive()
}

/** The life of a segment, one step at a time: open, finished, the next one begun, archived, removed. */
class Life {
  #steps: readonly (() => void)[]
  #at = 0

  constructor(archivedFirst: boolean) {
    const path = (name: string): string => join(bench.directory, name)
    const finish = (): void => renameSync(path(`${two}.partial`), path(two))
    const follow = (): void => writeFileSync(path(`${three}.partial`), segment(three, { written: 5000 }))
    const archive = (): void => bench.storeSegment(two, segment(two))
    const remove = (): void => rmSync(path(two))
    this.#steps = [finish, ...(archivedFirst ? [archive, follow] : [follow, archive]), remove]
    // All of it was received by now; it gets its name next.
    bench.put(`${two}.partial`, segment(two))
    bench.put(one, segment(one))
  }

  /** @param until so many steps of its life are behind it then. */
  advance(until: number): void {
    while (this.#at < Math.min(until, this.#steps.length)) this.#steps[this.#at++]?.()
  }
}

/** A disk on which something happens before each operation, and while a directory is listed. */
function livelyDisk(happen: () => void, listsNew: () => boolean): Disk {
  const around = <T>(work: () => Promise<T>): Promise<T> => {
    happen()
    return work()
  }
  return {
    ...nodeDisk,
    open: (path, how, mode) => around(() => nodeDisk.open(path, how, mode)),
    size: (path) => around(() => nodeDisk.size(path)),
    list: async (path) => {
      happen()
      const before = await nodeDisk.list(path)
      happen()
      const after = await nodeDisk.list(path)
      // Of what changes while a directory is read, anything may be seen.
      const has = (entries: readonly DiskEntry[], name: string): boolean => entries.some((entry) => entry.name === name)
      const seen = before.filter(({ name }) => has(after, name) || !listsNew())
      return [...seen, ...after.filter(({ name }) => !has(before, name) && listsNew())]
    },
  }
}

describe('a segment that exists when the call begins', () => {
  it('is never called absent, wherever it goes meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(
        // At which operation each step happens; several may happen at once.
        fc.array(fc.oneof(fc.nat(40), fc.constantFrom(0, 16, 17, 18, 19, 20)), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
        async (moments, archivedFirst, lists) => {
          begin()
          const life = new Life(archivedFirst)
          let operation = 0
          const happen = (): void => {
            life.advance(moments.filter((moment) => moment <= operation).length)
            operation += 1
          }
          let listing = 0
          const disk = livelyDisk(happen, () => lists[listing++ % lists.length] ?? false)
          bench.storage.script = happen
          expect(await bench.restore(two, { disk })).toBe('delivered')
          expect(bench.delivered.equals(segment(two))).toBe(true)
        },
      ),
      { numRuns: 400 },
    )
  }, 60_000)
})

describe('whatever directory and archive have', () => {
  const local = ['none', 'good', 'damaged', 'open', 'unreadable'] as const
  const archived = ['none', 'good', 'damaged', 'other suffix', 'later', 'away', 'no identity'] as const

  it.each(local.flatMap((here) => archived.map((there) => [here, there] as const)))(
    'here %s, there %s: what is delivered is right, and "absent" is true',
    async (here, there) => {
      begin()
      bench.put(one, segment(one))
      if (here === 'good') bench.put(two, segment(two))
      if (here === 'damaged') bench.put(two, segment(two).fill(0, 8192, 16_384))
      if (here === 'open') bench.put(`${two}.partial`, segment(two, { written: 300_000 }))
      if (here === 'unreadable') writeFileSync(join(bench.directory, '.walr', 'identity.json'), '{')
      if (there === 'good') bench.storeSegment(two, segment(two))
      if (there === 'damaged') bench.storeSegment(two, segment(two).fill(0, 8192, 16_384))
      if (there === 'other suffix') bench.storeSegment(two, Buffer.from('?'), '.lz4')
      if (there === 'later') bench.storeSegment(three, segment(three))
      if (there === 'no identity') bench.storage.objects.clear()
      if (there === 'away') {
        bench.storage.script = () => {
          throw new StorageError('Transient', 'away')
        }
      }
      const outcome = await bench.restore(two).catch((error: unknown) => error)
      if (outcome instanceof Error) expect(existsSync(bench.target)).toBe(false)
      if (here === 'good' || there === 'good') {
        expect(outcome).toBe('delivered')
        expect(bench.delivered.equals(segment(two))).toBe(true)
      } else if (here === 'open' && there === 'none') {
        expect(outcome).toBe('delivered')
        expect(bench.delivered.equals(validSegment(two, 300_000))).toBe(true)
      } else if (here === 'none' && there === 'none') {
        expect(outcome).toBe('absent')
      } else {
        expect(outcome).toBeInstanceOf(Error)
      }
    },
  )
})

describe('a fetcher', () => {
  const wanted = { wanted: parseWantedFile(two), partial: 'auto' } as const
  const { signal } = new AbortController()

  function source(description: string, ...copies: readonly (Error | undefined)[]): WalSource {
    return {
      description,
      // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
      async *finished() {
        for (const [index, failure] of copies.entries()) {
          yield {
            description: `${description} ${index}`,
            isUnfinished: false,
            size: 3,
            // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
            async *open() {
              if (failure !== undefined) throw failure
              yield Buffer.from('abc')
            },
          }
        }
      },
      unfinished: () => Promise.resolve(undefined),
    }
  }

  async function readAll(copy: WalCopy): Promise<void> {
    for await (const chunk of copy.open(signal)) expect(chunk).toHaveLength(3)
  }

  it('throws what the taker fails with for reasons of its own, and asks nobody else', async () => {
    const fetcher = new WalFetcher({
      sources: [source('a', undefined), source('b', undefined)],
      logger: new RecordingLogger(),
    })
    const taken: string[] = []
    const take = async (copy: WalCopy): Promise<void> => {
      taken.push(copy.description)
      await readAll(copy)
      throw new Error('the disk is full')
    }
    await expect(fetcher.fetch(wanted, take, signal)).rejects.toThrow('the disk is full')
    expect(taken).toEqual(['a 0'])
  })

  it('does not call a copy delivered whose reading failed, though the taker says nothing', async () => {
    const fetcher = new WalFetcher({ sources: [source('a', new Error('damaged'))], logger: new RecordingLogger() })
    await expect(fetcher.fetch(wanted, (copy) => readAll(copy).catch(() => undefined), signal)).rejects.toThrow(
      'damaged',
    )
  })

  it('gives up when a file comes and goes for ever', async () => {
    const fetcher = new WalFetcher({ sources: [source('a', new VanishedFile())], logger: new RecordingLogger() })
    await expect(fetcher.fetch(wanted, readAll, signal)).rejects.toThrow('comes and goes in a')
  })

  it('says all that was wrong when no copy is good', async () => {
    const sources = [source('a', new Error('first'), new Error('second')), source('b', new Error('third'))]
    const fetcher = new WalFetcher({ sources, logger: new RecordingLogger() })
    await expect(fetcher.fetch(wanted, readAll, signal)).rejects.toMatchObject({
      message: 'first',
      detail: 'second\nthird',
    })
  })

  it('asks nobody when it is aborted before', async () => {
    const stop = new AbortController()
    stop.abort(new Error('shutting down'))
    const fetcher = new WalFetcher({ sources: [source('a', undefined)], logger: new RecordingLogger() })
    await expect(fetcher.fetch(wanted, readAll, stop.signal)).rejects.toThrow('shutting down')
  })
})
