import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { RecordingLogger, until } from '../wal/recording.fixture.ts'
import { segmentName } from '../wal/wal-bytes.fixture.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { systemClock } from './clock.ts'
import { LookAhead, type LookAheadOptions } from './look-ahead.ts'
import { InventedServer } from './server-place.fixture.ts'

let server: InventedServer
let logger: RecordingLogger
let acknowledgements: Acknowledgements
/** Names in the order in which archiving was begun. */
let begun: string[]
let stop: AbortController
/** What the archive does with a file. */
let archive: (name: string, signal: AbortSignal) => Promise<void>
beforeEach(async () => {
  server = new InventedServer()
  logger = new RecordingLogger()
  acknowledgements = new Acknowledgements({ disk: nodeDisk, walDirectory: server.walDirectory, circumstances: '' })
  await acknowledgements.prepare(new Set())
  begun = []
  stop = new AbortController()
  archive = () => Promise.resolve()
})
afterEach(() => {
  vi.useRealTimers()
  server.dispose()
})

function lookAhead(more: Partial<LookAheadOptions> = {}): LookAhead {
  const archiver: LookAheadOptions['archiver'] = {
    archiveId: 'the archive',
    archive: ({ name }, signal) => {
      begun.push(name)
      return archive(name, signal)
    },
  }
  const { walDirectory } = server
  const shared = { disk: nodeDisk, walDirectory, archiver, acknowledgements, logger, clock: systemClock }
  return new LookAhead({ ...shared, ownName: segmentName(1), jobs: 4, ...more })
}

describe('looking ahead', () => {
  it('archives what PostgreSQL asks for next, histories first, and leaves an acknowledgement for each', async () => {
    const own = server.finish(1)
    const names = [server.finish(3), server.finish(2), server.ready('00000002.history', '1\t0/300000\tx\n')]
    server.finish(9)
    server.done(segmentName(9))
    server.ready('something-else', 'x')
    await lookAhead({ jobs: 2, ownName: own }).run(Promise.resolve(), stop.signal)
    expect(begun).toEqual([names[2], names[1], names[0]])
    expect(server.acknowledged).toEqual(names.toSorted())
  })

  it('leaves out what an earlier call has archived', async () => {
    const [known, fresh] = [server.finish(2), server.finish(3)]
    await acknowledgements.leave(known, await acknowledgements.fingerprint(known), 'the archive')
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(begun).toEqual([fresh])
  })

  it('archives again what is in an archive that was replaced', async () => {
    const name = server.finish(2)
    await acknowledgements.leave(name, await acknowledgements.fingerprint(name), 'an archive that is gone')
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(begun).toEqual([name])
    expect(await acknowledgements.has(name, 'the archive')).toBe(true)
  })

  it('works beside the own file, and leaves a place for it', async () => {
    for (let number = 2; number <= 9; number += 1) server.finish(number)
    const ends: (() => void)[] = []
    archive = () => new Promise((resolve) => ends.push(resolve))
    let ownDone = (): void => undefined
    const own = new Promise<void>((resolve) => (ownDone = resolve))
    const run = lookAhead().run(own, stop.signal)
    await until(() => begun.length === 3, 'three beside the own file')
    ownDone()
    await until(() => begun.length === 4, 'a fourth')
    archive = () => Promise.resolve()
    for (const end of ends) end()
    await run
    expect(begun).toHaveLength(8)
  })

  it('does nothing beside the own file with one job', async () => {
    server.finish(2)
    let ownDone = (): void => undefined
    const own = new Promise<void>((resolve) => (ownDone = resolve))
    const run = lookAhead({ jobs: 1 }).run(own, stop.signal)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(begun).toEqual([])
    ownDone()
    await run
    expect(begun).toEqual([segmentName(2)])
  })

  it('sees what is finished meanwhile', async () => {
    server.finish(2)
    archive = (name) => {
      if (name === segmentName(2)) server.finish(3)
      return Promise.resolve()
    }
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(begun).toEqual([segmentName(2), segmentName(3)])
  })

  it('takes 64 files at most', async () => {
    for (let number = 2; number <= 80; number += 1) server.ready(segmentName(number), 'x')
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(begun).toHaveLength(64)
    expect(server.acknowledged).toHaveLength(64)
  })

  it('takes 5 s at most behind the own file', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    server.finish(2)
    archive = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    const run = lookAhead().run(Promise.resolve(), stop.signal)
    await until(() => begun.length === 1, 'it is under way')
    await vi.advanceTimersByTimeAsync(4999)
    expect(server.acknowledged).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await run
    expect(server.acknowledged).toEqual([])
  })

  it('begins nothing that would not end in time', async () => {
    for (let number = 2; number <= 9; number += 1) server.finish(number)
    let nowMs = 0
    archive = () => {
      nowMs += 2000
      return Promise.resolve()
    }
    await lookAhead({ jobs: 1, clock: { ...systemClock, nowMs: () => nowMs } }).run(Promise.resolve(), stop.signal)
    expect(begun).toHaveLength(2)
  })

  it('ends at once when it is asked to', async () => {
    server.finish(2)
    archive = (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    const run = lookAhead().run(new Promise(() => undefined), stop.signal)
    await until(() => begun.length === 1, 'it is under way')
    stop.abort(new Error('SIGTERM'))
    await run
  })

  it('goes on behind a file that fails, without a word about it', async () => {
    const [bad, good] = [server.finish(2), server.finish(3)]
    archive = (name) => (name === bad ? Promise.reject(new Error('damaged')) : Promise.resolve())
    await lookAhead().run(Promise.reject(new Error('the own file fails, too')), stop.signal)
    expect(server.acknowledged).toEqual([good])
    expect(logger.lines.filter((line) => !/^(debug|info)/.test(line))).toEqual([])
  })

  it('stops when the storage is away', async () => {
    for (let number = 2; number <= 9; number += 1) server.finish(number)
    archive = () => Promise.reject(new StorageError('Transient', 'gone'))
    await lookAhead({ jobs: 2 }).run(Promise.resolve(), stop.signal)
    expect(begun.length).toBeLessThanOrEqual(2)
  })

  it('stops when acknowledgements cannot be left, and says so', async () => {
    for (let number = 2; number <= 9; number += 1) server.finish(number)
    rmSync(join(server.walDirectory, '.walr'), { recursive: true })
    await lookAhead({ jobs: 2 }).run(Promise.resolve(), stop.signal)
    expect(begun.length).toBeLessThanOrEqual(3)
    expect(logger.lines.some((line) => line.startsWith('warning: could not note that'))).toBe(true)
  })

  it('leaves nothing for a file that was replaced while it was archived', async () => {
    const name = server.finish(2)
    archive = () => {
      rmSync(join(server.walDirectory, name))
      writeFileSync(join(server.walDirectory, name), 'other')
      return Promise.resolve()
    }
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(server.acknowledged).toEqual([])
  })

  it('has nothing to do without the folder of notes', async () => {
    rmSync(join(server.walDirectory, 'archive_status'), { recursive: true })
    await lookAhead().run(Promise.resolve(), stop.signal)
    expect(begun).toEqual([])
  })
})
