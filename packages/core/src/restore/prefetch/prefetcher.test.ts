import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../archive/clock.ts'
import { FaultDisk } from '../../disk/fault-disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { formatTimelineId, toTimelineId } from '../../wal/timeline-id.ts'
import type { WalCopy } from '../wal-source.ts'
import { parseWantedFile } from '../wanted-file.ts'
import { GenerationFolder } from './generation-folder.ts'
import { Prefetcher, type PrefetchOutcome } from './prefetcher.ts'
import type { FetchesWal } from './segment-fetch.ts'

const SIZE = 1_048_576
const silent: Logger = { error: nothing, warning: nothing, notice: nothing, info: nothing, debug: nothing }
const never = new AbortController().signal

let path: string
let disk: FaultDisk
let folder: GenerationFolder
let source: Source
let clock: { now: number } & Clock
let prefetcher: Prefetcher

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'walr-prefetch-'))
  disk = new FaultDisk(nodeDisk)
  folder = new GenerationFolder(disk, path)
  await folder.prepare()
  source = new Source()
  clock = { now: 1_000_000, nowMs: () => clock.now, wait: () => Promise.resolve() }
  prefetcher = make(64 * SIZE)
})
afterEach(async () => {
  source.holds.clear()
  source.letGo()
  await prefetcher.close()
  rmSync(path, { recursive: true, force: true })
})

function make(maxBytes: number): Prefetcher {
  return new Prefetcher({ fetcher: () => Promise.resolve(source), folder, maxBytes, logger: silent, clock })
}

const seg = (number: number, timeline = 1): string =>
  `${formatTimelineId(toTimelineId(timeline))}00000000${number.toString(16).toUpperCase().padStart(8, '0')}`
const ask = (name: string, signal = never, partial: 'auto' | 'never' = 'auto'): Promise<PrefetchOutcome> =>
  prefetcher.request({ wanted: parseWantedFile(name), partial }, signal)
const ready = (): string[] => readdirSync(join(path, 'ready')).toSorted()
const inTmp = (): string[] => readdirSync(join(path, 'tmp'))

/** Takes what was given, as a client does. */
async function take(outcome: Promise<PrefetchOutcome>): Promise<string> {
  const found = await outcome
  if (found.kind !== 'delivered') throw new Error(`not delivered: ${found.kind}`)
  const given = join(path, 'given', found.given)
  const content = readFileSync(given)
  unlinkSync(given)
  return `${content.toString('latin1', 0, 24)} ${content.length}`
}

/** As `bin/walr`. */
function takeReady(number: number): void {
  renameSync(join(path, 'ready', seg(number)), join(path, 'taken'))
}

async function until(what: () => boolean): Promise<void> {
  for (let turn = 0; !what(); turn++) {
    if (turn > 2000) throw new Error(`not within 2000 turns: ${what.toString()}; ready ${ready().join()}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('a request', () => {
  it('is answered with the file, and the next segments come after it', async () => {
    source.has(1, 9)
    expect(await take(ask(seg(1)))).toBe(`${seg(1)} ${SIZE}`)
    await until(() => ready().join() === [seg(2), seg(3)].join())
  })

  it('is answered from what is ready, without asking again', async () => {
    source.has(1, 9)
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
    source.asked.length = 0
    expect(await take(ask(seg(2)))).toBe(`${seg(2)} ${SIZE}`)
    expect(source.asked).not.toContain(seg(2))
  })

  it('waits for what is on its way', async () => {
    source.has(1, 9)
    source.holds.add(seg(2))
    await take(ask(seg(1)))
    await until(() => source.asked.includes(seg(2)))
    const asked = take(ask(seg(2)))
    source.letGo()
    expect(await asked).toBe(`${seg(2)} ${SIZE}`)
    expect(source.asked.filter((name) => name === seg(2))).toHaveLength(1)
  })

  it('asks again when what was on its way is absent or fails: that was asked before', async () => {
    source.has(1, 1)
    source.holds.add(seg(2))
    await take(ask(seg(1)))
    await until(() => source.asked.includes(seg(2)))
    const asked = take(ask(seg(2)))
    source.holds.clear()
    const release = source.holdAfterAnswer()
    source.letGo()
    source.has(2, 2)
    release()
    expect(await asked).toBe(`${seg(2)} ${SIZE}`)
  })

  it('of a name that was absent before asks the sources each time', async () => {
    source.has(1, 1)
    await take(ask(seg(1)))
    await until(() => source.asked.includes(seg(2)))
    expect(await ask(seg(2))).toEqual({ kind: 'absent' })
    expect(await ask(seg(2))).toEqual({ kind: 'absent' })
    source.has(2, 2)
    expect(await take(ask(seg(2)))).toBe(`${seg(2)} ${SIZE}`)
  })

  it('fails with the error of the sources, and the next one goes well', async () => {
    const error = new WalrError('WALR_OBJECT_CORRUPT', 'broken')
    source.fails.set(seg(1), error)
    expect(await ask(seg(1))).toEqual({ kind: 'failed', error })
    source.fails.clear()
    source.has(1, 1)
    expect(await take(ask(seg(1)))).toBe(`${seg(1)} ${SIZE}`)
  })

  it('of an unfinished segment is never put where the shell takes it, and leads nowhere', async () => {
    source.has(1, 9)
    source.unfinished.add(seg(1))
    expect(await take(ask(seg(1)))).toBe(`${seg(1)} ${SIZE}`)
    await settled()
    expect(ready()).toEqual([])
    expect(source.asked).toEqual([seg(1)])
  })

  it('that nobody waits for any more is given up', async () => {
    source.has(1, 1)
    source.holds.add(seg(1))
    const gone = new AbortController()
    const asked = ask(seg(1), gone.signal)
    await until(() => source.asked.length === 1)
    gone.abort(new Error('gone'))
    await expect(asked).rejects.toThrow('gone')
    expect(inTmp()).toEqual([])
    expect(prefetcher.idleMs).toBe(0)
  })

  it('is left to the client when the folder fails', async () => {
    source.has(1, 9)
    disk.on({ operation: 'open', pathPattern: /tmp/ }, { error: 'EIO' })
    expect(await ask(seg(1))).toEqual({ kind: 'direct' })
  })

  it('of a segment of no size is refused', async () => {
    source.has(1, 1)
    source.sizes.set(seg(1), SIZE - 1)
    expect(await ask(seg(1))).toMatchObject({ kind: 'failed', error: { code: 'WALR_SEGMENT_CORRUPT' } })
    expect(inTmp()).toEqual([])
  })

  it('of a segment of another size than the others is refused', async () => {
    source.has(1, 2)
    source.sizes.set(seg(2), SIZE * 2)
    await take(ask(seg(1)))
    expect(await ask(seg(2))).toMatchObject({ kind: 'failed', error: { code: 'WALR_SEGMENT_CORRUPT' } })
    expect(ready()).toEqual([])
  })
})

describe('fetching ahead', () => {
  it('goes on as the shell takes segments', async () => {
    source.has(1, 30)
    await take(ask(seg(1)))
    for (let number = 2; number <= 20; number++) {
      await until(() => ready().includes(seg(number)))
      takeReady(number)
      await prefetcher.look()
    }
    await until(() => ready().join() === [seg(21), seg(22)].join())
    expect(source.asked.filter((name) => name === seg(10))).toHaveLength(1)
  })

  it('goes further when PostgreSQL had to wait, and never beyond the limit', async () => {
    prefetcher = make(6 * SIZE)
    source.has(1, 40)
    for (let number = 1; number <= 8; number++) {
      source.holds.add(seg(number + 1))
      const asked = take(ask(seg(number)))
      source.letGo(seg(number))
      await asked
      expect(ready().length + inTmp().length).toBeLessThanOrEqual(5)
    }
    source.holds.clear()
    source.letGo()
    await until(() => ready().length === 5)
    await settled()
    expect(ready()).toHaveLength(5)
  })

  it('stops at what is not there, and finds it when it comes', async () => {
    source.has(1, 3)
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
    source.has(4, 9)
    clock.now += 2000
    takeReady(2)
    await prefetcher.look()
    await until(() => ready().join() === [seg(3), seg(4)].join())
  })

  it('asks for the segment of the parent when that of the new timeline is missing', async () => {
    source.has(1, 5)
    source.content.set('00000002.history', Buffer.from(`1\t0/${(5 * SIZE + 100).toString(16)}\tx\n`))
    source.content.set(seg(6, 2), Buffer.alloc(SIZE, seg(6, 2)))
    await take(ask('00000002.history'))
    await take(ask(seg(4)))
    await until(() => source.asked.includes(seg(5)))
    expect(source.asked.indexOf(seg(5, 2))).toBeLessThan(source.asked.indexOf(seg(5)))
    await until(() => ready().includes(seg(5)))
    await until(() => ready().includes(seg(6, 2)))
  })

  it('forgets failures, and leaves storage in peace for a while after one', async () => {
    source.has(1, 9)
    source.fails.set(seg(2), new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'away'))
    source.fails.set(seg(3), new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'away'))
    await take(ask(seg(1)))
    await until(() => source.asked.length === 3)
    await settled()
    expect(source.asked).toHaveLength(3)
    source.fails.clear()
    expect(await take(ask(seg(2)))).toBe(`${seg(2)} ${SIZE}`)
    await until(() => ready().includes(seg(3)))
  })

  it('drops what PostgreSQL has gone past or away from', async () => {
    source.has(1, 40)
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
    await take(ask(seg(20)))
    await until(() => ready().join() === [seg(21), seg(22)].join())
  })

  it('never shows a half file', async () => {
    source.has(1, 3)
    source.cuts.add(seg(2))
    await take(ask(seg(1)))
    await until(() => ready().includes(seg(3)))
    await settled()
    expect(ready()).toEqual([seg(3)])
    expect(inTmp()).toEqual([])
    expect(existsSync(join(path, 'ready', seg(2)))).toBe(false)
  })

  it('drops all that it has when the disk is full, and leaves the request to the client', async () => {
    source.has(1, 9)
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
    const again = disk.on({ operation: 'write' }, { error: 'ENOSPC' })
    expect(await ask(seg(7))).toEqual({ kind: 'direct' })
    await until(() => ready().length === 0)
    again()
    clock.now += 60_000
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
  })

  it('does nothing where too little is free', async () => {
    source.has(1, 9)
    disk.setFreeBytes(60 * SIZE)
    expect(await take(ask(seg(1)))).toBe(`${seg(1)} ${SIZE}`)
    await settled()
    expect(source.asked).toEqual([seg(1)])
  })

  it('does nothing when the limit is below two segments', async () => {
    prefetcher = make(2 * SIZE - 1)
    source.has(1, 9)
    expect(await take(ask(seg(1)))).toBe(`${seg(1)} ${SIZE}`)
    await settled()
    expect(source.asked).toEqual([seg(1)])
  })

  it('is use as long as something is taken', async () => {
    source.has(1, 9)
    await take(ask(seg(1)))
    await until(() => ready().length === 2)
    clock.now += 50_000
    expect(prefetcher.idleMs).toBe(50_000)
    takeReady(2)
    await prefetcher.look()
    expect(prefetcher.idleMs).toBe(0)
    await prefetcher.look()
    clock.now += 10
    expect(prefetcher.idleMs).toBe(10)
  })
})

/** Lets everything that is under way come to rest. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** WAL that can be held back, and fail. */
class Source implements FetchesWal {
  readonly content = new Map<string, Buffer>()
  readonly asked: string[] = []
  readonly holds = new Set<string>()
  readonly fails = new Map<string, Error>()
  readonly cuts = new Set<string>()
  readonly unfinished = new Set<string>()
  readonly sizes = new Map<string, number>()
  #waiting: { name: string; go: () => void }[] = []
  #answer: Promise<void> = Promise.resolve()

  has(first: number, last: number): void {
    for (let number = first; number <= last; number++) {
      this.content.set(seg(number), Buffer.alloc(SIZE, seg(number)))
    }
  }

  letGo(name?: string): void {
    const going = this.#waiting.filter((waiting) => name === undefined || waiting.name === name)
    this.#waiting = this.#waiting.filter((waiting) => !going.includes(waiting))
    for (const { go } of going) go()
    if (name !== undefined) this.holds.delete(name)
  }

  /** The next answers are known now and given later. */
  holdAfterAnswer(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#answer = promise
    return () => resolve(undefined)
  }

  async fetch(
    request: Parameters<FetchesWal['fetch']>[0],
    takeCopy: (copy: WalCopy) => Promise<void>,
    signal: AbortSignal,
  ): Promise<'delivered' | 'absent'> {
    const { name } = request.wanted
    this.asked.push(name)
    if (this.holds.has(name)) await this.#held(name, signal)
    const failure = this.fails.get(name)
    if (failure) throw failure
    const bytes = this.content.get(name)
    await this.#answer
    if (bytes === undefined) return 'absent'
    await takeCopy(this.#copy(name, bytes))
    return 'delivered'
  }

  #held(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, go: resolve })
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }

  #copy(name: string, whole: Buffer): WalCopy {
    const size = this.sizes.get(name)
    const bytes = size === undefined ? whole : Buffer.alloc(size)
    const isCut = this.cuts.has(name)
    return {
      description: name,
      isUnfinished: this.unfinished.has(name),
      size: undefined,
      async *open() {
        await Promise.resolve()
        for (let at = 0; at < bytes.length; at += 262_144) {
          if (isCut && at > 0) throw new WalrError('WALR_SEGMENT_CORRUPT', 'cut')
          yield bytes.subarray(at, at + 262_144)
        }
      },
    }
  }
}

function nothing(): void {
  return undefined
}
