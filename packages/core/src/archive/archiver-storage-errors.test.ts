import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../errors/error-codes.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { CLUSTER, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { ArchiveState } from './archive-status.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'
import type { StorageCall } from './scripted-storage.fixture.ts'

let bench: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
  bench.clock.graceMs = 1
})
afterEach(() => bench.dispose())

const ROOT = `main/${CLUSTER}`
const IDENTITY = { format: 1, systemIdentifier: CLUSTER, walSegmentSize: 1_048_576 }
const GAP = '0000000000100000-0000000000200000.json'
const HISTORY = '1\t0/900000\tno reason\n'

interface FailingCall {
  readonly hits: (call: StorageCall) => boolean
  /** What is in the archive beforehand. */
  readonly before?: () => void
}

const put =
  (part: string) =>
  ({ operation, key }: StorageCall): boolean =>
    operation === 'put' && key.includes(part)
const get =
  (part: string) =>
  ({ operation, key }: StorageCall): boolean =>
    operation === 'get' && key.includes(part)
const store = (key: string, bytes: Buffer): unknown => bench.storage.objects.set(key, bytes)

const calls: Readonly<Record<string, FailingCall>> = {
  'put identity': { hits: put('/identity.json') },
  'get identity': {
    hits: get('/identity.json'),
    before: () => store(`${ROOT}/identity.json`, Buffer.from(JSON.stringify(IDENTITY))),
  },
  'put segment': { hits: put('/wal/') },
  'get for the comparison': { hits: get('/wal/'), before: () => store(bench.key(4), pagedSegment(4)) },
  'put quarantine': { hits: put('/quarantine/'), before: () => store(bench.key(4), pagedSegment(4, 1, 9)) },
  list: { hits: ({ operation }) => operation === 'list' },
  'put history': { hits: put('/history/') },
  'put gap': { hits: put('/gaps/') },
}

const errors: readonly (readonly [string, () => Error, ErrorCode])[] = [
  ['NotFound', () => new StorageError('NotFound', 'no such bucket'), 'WALR_ARCHIVE_REFUSED'],
  ['AlreadyExists', () => new StorageError('AlreadyExists', 'or so it says'), 'WALR_ARCHIVE_REFUSED'],
  ['AccessDenied', () => new StorageError('AccessDenied', 'no'), 'WALR_ARCHIVE_REFUSED'],
  ['Transient', () => new StorageError('Transient', 'away'), 'WALR_ARCHIVE_UNAVAILABLE'],
  ['Permanent', () => new StorageError('Permanent', 'quota'), 'WALR_ARCHIVE_REFUSED'],
  ['Unsupported', () => new StorageError('Unsupported', 'cannot'), 'WALR_ARCHIVE_REFUSED'],
  ['a plain error', () => new Error('a fault of the plugin'), 'WALR_INTERNAL'],
  ['an abort of its own', () => new DOMException('cut off', 'AbortError'), 'WALR_INTERNAL'],
]

const NUMBERS = [4, 5, 6]
const segments = new Map(NUMBERS.map((number) => [number, pagedSegment(number)]))
const inArchive = (number: number): boolean =>
  bench.storage.objects.get(bench.key(number))?.equals(segments.get(number) ?? expect.unreachable()) === true

/** A segment is in the archive, byte for byte, or it is local, untouched. */
function expectNothingLost(): void {
  for (const number of NUMBERS) {
    const path = join(bench.directory, segmentName(number))
    if (existsSync(path)) expect(readFileSync(path).equals(segments.get(number) ?? expect.unreachable())).toBe(true)
    else expect(inArchive(number)).toBe(true)
  }
}

async function reach(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not reached in time: ${what}`)
    for (const number of NUMBERS) {
      if (!existsSync(join(bench.directory, segmentName(number)))) expect(inArchive(number)).toBe(true)
    }
    await delay(2)
  }
}

describe.each(Object.entries(calls))('a storage that fails to %s', (name, { hits, before }) => {
  it.each(errors)(
    'with %s loses nothing, says so, and gets everything once when it is well',
    async (kind, make, code) => {
      mkdirSync(join(bench.directory, '.walr', 'gaps'), { recursive: true })
      writeFileSync(join(bench.directory, '.walr', 'gaps', GAP), '{}')
      writeFileSync(join(bench.directory, '00000002.history'), HISTORY)
      for (const number of NUMBERS) bench.write(number)
      before?.()
      const foreign = bench.storage.objects.get(bench.key(4))
      let failures = 0
      bench.storage.script = (call) => {
        if (!hits(call)) return
        failures += 1
        throw make()
      }
      const states = new Set<ArchiveState>()
      const archiver = bench.make({ onStatus: ({ state }) => states.add(state) })
      const running = archiver.run(bench.stop.signal)
      await reach(() => failures >= 3 && archiver.status.lastError !== undefined, 'three failures')
      expectNothingLost()
      expect(archiver.status.lastError?.code).toBe(code)
      expect(archiver.status.lastError?.attempts).toBeGreaterThan(0)
      if (kind === 'Transient') expect(states).toContain('outage')
      if (name.endsWith('identity')) expect(bench.storage.count('put', '/wal/')).toBe(0)
      if (name.endsWith('identity') && code === 'WALR_ARCHIVE_REFUSED') expect(states).toContain('refused')

      bench.storage.script = () => undefined
      const conflict = name === 'put quarantine'
      await reach(() => archiver.status.archivedCount === (conflict ? 2 : 3), 'all archived')
      await reach(() => archiver.status.quarantined.length === (conflict ? 1 : 0), 'what is in the way in quarantine')
      const small = [`${ROOT}/history/00000002.history`, `${ROOT}/gaps/${GAP}`]
      await reach(() => small.every((key) => bench.storage.objects.has(key)), 'the small files')
      archiver.drain()
      await running
      expect(archiver.status).toMatchObject({ archivedCount: conflict ? 2 : 3, backlog: { files: conflict ? 1 : 0 } })
      expectNothingLost()
      expect(bench.storage.objects.get(small[0] ?? '')?.toString()).toBe(HISTORY)
      const quarantine = [...bench.storage.objects].filter(([key]) => key.includes('/quarantine/'))
      if (conflict) {
        expect(quarantine.map(([, bytes]) => bytes.equals(pagedSegment(4)))).toEqual([true])
        expect(bench.storage.objects.get(bench.key(4))).toBe(foreign)
        expect(archiver.status.quarantined).toEqual([segmentName(4)])
        expect(bench.files).toContain(segmentName(4))
      } else {
        expect(quarantine).toEqual([])
        expect(bench.files).toEqual(['00000002.history', segmentName(6)].toSorted())
        expect(archiver.status).toMatchObject({ archivedLsn: '0/700000', state: 'stopped' })
      }
    },
  )
})

describe('an answer that was lost', () => {
  it('after the object was stored costs a comparison, and no second object', async () => {
    for (const number of NUMBERS) bench.write(number)
    let lost = 0
    bench.storage.confirm = (confirmation) => {
      if (confirmation.size < 10_000 || (lost += 1) > 2) return confirmation
      throw new StorageError('Transient', 'the connection was reset')
    }
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await reach(() => archiver.status.archivedCount === 3, 'all archived')
    archiver.drain()
    await running
    expect(bench.storage.count('get', '/wal/')).toBeGreaterThan(0)
    expect([...bench.storage.objects.keys()].filter((key) => !key.endsWith('.json')).toSorted()).toEqual(
      NUMBERS.map((number) => bench.key(number)),
    )
    expect(archiver.status.quarantined).toEqual([])
    expect(bench.files).toEqual([segmentName(6)])
  })
})

describe('an outage', () => {
  it('is looked into by one attempt at a time, however much waits', async () => {
    for (let number = 4; number < 12; number += 1) bench.write(number)
    let down = false
    let atOnce = 0
    let most = 0
    const archiver = bench.make({ concurrency: 4 })
    bench.storage.script = async ({ operation, key }) => {
      if (operation === 'put' && key.includes('/wal/')) {
        if (!down) {
          // Once the identity is known everything is allowed at once: all of it fails.
          down = bench.storage.count('put', '/wal/') >= 4
          await reach(() => down, 'four at once')
          throw new StorageError('Transient', 'away')
        }
        atOnce += 1
        most = Math.max(most, atOnce)
        await setImmediate()
        atOnce -= 1
        throw new StorageError('Transient', 'away')
      }
    }
    const running = archiver.run(bench.stop.signal)
    await reach(() => bench.storage.count('put', '/wal/') > 20, 'many attempts')
    expect(most).toBe(1)
    expect(archiver.status.state).toBe('outage')
    bench.storage.script = () => undefined
    await reach(() => archiver.status.archivedCount === 8, 'all archived')
    archiver.drain()
    await running
    expect(archiver.status.archivedLsn).toBe('0/C00000')
  })
})
