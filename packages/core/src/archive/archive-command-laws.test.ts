import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { FramedCodec } from '../codec/scripted-codec.fixture.ts'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { CLUSTER, segmentName } from '../wal/wal-bytes.fixture.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { pagedSegment } from './archiver.fixture.ts'
import { systemClock } from './clock.ts'
import { LookAhead } from './look-ahead.ts'
import { readArchiveNotes } from './ready-files.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'
import { ServerArchiver } from './server-archiver.ts'
import { parseServerFile } from './server-file.ts'
import { readServerIdentity } from './server-identity.ts'
import { InventedServer } from './server-place.fixture.ts'

/** What the storage does with one call, and the disk with one acknowledgement. */
type Fate = 'well' | 'away' | 'refused' | 'answer lost' | 'wrong size' | 'killed'
const fates = fc.array(
  fc.constantFrom<Fate>('well', 'well', 'well', 'away', 'refused', 'answer lost', 'wrong size', 'killed'),
  {
    maxLength: 40,
  },
)
/** What happens between two calls of the command. */
type Event = 'nothing' | 'started again' | 'asked again' | 'recycled' | 'no room'
const events = fc.array(
  fc.constantFrom<Event>('nothing', 'nothing', 'started again', 'asked again', 'recycled', 'no room'),
  {
    minLength: 12,
    maxLength: 30,
  },
)
const codecs = new CodecPipeline([new FramedCodec('.zip')], [])
const SEGMENTS = [1, 2, 3, 4]

/** A server that archives by the command, and a storage that does what it is told. */
class Run {
  readonly server = new InventedServer()
  readonly storage = new ScriptedStorage()
  readonly disk = new FaultTreeDisk(nodeDisk)
  circumstances = 'first'
  jobs = 1
  killed = new AbortController()

  constructor(script: Fate[]) {
    this.storage.script = ({ operation, key }) => {
      const fate = script.shift() ?? 'well'
      if (fate === 'away') throw new StorageError('Transient', 'away')
      if (fate === 'refused') throw new StorageError('Permanent', 'refused')
      if (fate === 'killed') this.killed.abort(new Error('killed'))
      if (fate === 'wrong size' && operation === 'put') {
        this.storage.confirm = () => {
          this.storage.confirm = (confirmation) => confirmation
          return { size: 7 }
        }
      }
      if (fate === 'answer lost' && operation === 'put' && !this.storage.objects.has(key)) {
        this.storage.confirm = () => {
          this.storage.confirm = (confirmation) => confirmation
          throw new StorageError('Transient', 'the answer was lost')
        }
      }
    }
  }

  /** One call of the command, as the entry and what it loads do it. @returns whether it said that the file is archived. */
  async call(name: string): Promise<boolean> {
    const { server, storage, disk, circumstances } = this
    const { walDirectory } = server
    this.killed = new AbortController()
    const { signal } = this.killed
    const acknowledgements = new Acknowledgements({ disk, walDirectory, circumstances })
    if (await acknowledgements.take(name)) return true
    const logger = new RecordingLogger()
    const file = parseServerFile(name) ?? expect.unreachable()
    const identity = await readServerIdentity(nodeDisk, server, name)
    const archiver = new ServerArchiver({ disk, walDirectory, cluster: 'main', identity, storage, codecs, logger })
    try {
      await archiver.begin(signal)
      const own = archiver.archive(file, signal)
      own.catch(() => undefined)
      await acknowledgements.prepare((await readArchiveNotes(disk, walDirectory)).known)
      const shared = { disk, walDirectory, archiver, acknowledgements, ownName: name, logger, clock: systemClock }
      await new LookAhead({ ...shared, jobs: this.jobs }).run(own, signal)
      await own
      return true
    } catch {
      return false
    }
  }

  /** What the storage has of a segment, decoded. */
  async stored(number: number): Promise<Buffer | undefined> {
    const key = `main/${CLUSTER}/wal/00000001/${segmentName(number)}.zip`
    const bytes = this.storage.objects.get(key)
    if (!bytes) return undefined
    const chunks: Uint8Array[] = []
    const signal = new AbortController().signal
    // eslint-disable-next-line @typescript-eslint/require-await -- as the contract has it
    const source = (async function* () {
      yield bytes
    })()
    for await (const chunk of codecs.decode('.zip', source, { objectKey: key.slice(5), signal }))
      chunks.push(Buffer.from(chunk))
    return Buffer.concat(chunks)
  }
}

describe('whatever happens to storage, disk, command and server', () => {
  it('a file that is said to be archived is in the archive, with the bytes that it has in pg_wal', async () => {
    await fc.assert(
      fc.asyncProperty(fates, events, fc.integer({ min: 1, max: 4 }), async (script, between, jobs) => {
        const run = new Run([...script])
        run.jobs = jobs
        try {
          for (const number of SEGMENTS) run.server.finish(number)
          let restarts = 0
          let isFull = (): void => undefined
          for (const event of between) {
            const { ready } = await readArchiveNotes(nodeDisk, run.server.walDirectory)
            const [next] = ready
            if (!next) break
            if (event === 'started again') run.circumstances = `run ${++restarts}`
            // The same WAL in another file: nobody has looked at that.
            if (event === 'recycled') run.server.finish(Number(`0x${next.name.slice(16)}`))
            isFull()
            if (event === 'no room')
              isFull = run.disk.on({ operation: 'write', pathPattern: /archived/ }, { error: 'ENOSPC' })
            const isArchived = await run.call(next.name)
            if (!isArchived) continue
            const number = Number(`0x${next.name.slice(16)}`)
            expect((await run.stored(number))?.equals(pagedSegment(number))).toBe(true)
            if (event !== 'asked again') run.server.done(next.name)
          }
          // An acknowledgement never promises more than a call does.
          for (const name of run.server.acknowledged) {
            const number = Number(`0x${name.slice(16)}`)
            expect((await run.stored(number))?.equals(pagedSegment(number))).toBe(true)
          }
        } finally {
          run.server.dispose()
        }
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  it('all is archived in the end, when the storage is there again', async () => {
    await fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 4 }), async (script, jobs) => {
        const run = new Run([...script])
        run.jobs = jobs
        try {
          for (const number of SEGMENTS) run.server.finish(number)
          for (let calls = 0; calls < 100; calls += 1) {
            const { ready } = await readArchiveNotes(nodeDisk, run.server.walDirectory)
            const [next] = ready
            if (!next) break
            if (await run.call(next.name)) run.server.done(next.name)
          }
          for (const number of SEGMENTS) expect((await run.stored(number))?.equals(pagedSegment(number))).toBe(true)
          expect([...run.storage.objects.keys()].filter((key) => key.includes('/quarantine/'))).toEqual([])
        } finally {
          run.server.dispose()
        }
      }),
      { numRuns: 20 },
    )
  }, 60_000)
})
