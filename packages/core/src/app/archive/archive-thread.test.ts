import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pagedSegment } from '../../archive/archiver.fixture.ts'
import type { ArchiveStatus } from '../../archive/archive-status.ts'
import type { ServerLine } from '../../archive/archive-end.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { CLUSTER, SEGMENT, segmentName, TIMELINE_1 } from '../../wal/wal-bytes.fixture.ts'
import type { ArchiveThreadSettings } from './archive-messages.ts'
import { ArchiveThread } from './archive-thread.ts'

const identity = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, serverVersion: '15.18' }
const server: ServerLine = { timelineId: TIMELINE_1, history: [] }
const { signal } = new AbortController()

let scratch: string
let logger: RecordingLogger
let statuses: ArchiveStatus[]
const started: ArchiveThread[] = []
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'walr-thread-'))
  for (const name of ['received/.walr', 'archive', 'plugin']) mkdirSync(join(scratch, name), { recursive: true })
  logger = new RecordingLogger()
  statuses = []
})
afterEach(async () => {
  for (const thread of started.splice(0)) await thread.stop(0)
  expect(workers()).toBe(0)
  rmSync(scratch, { recursive: true })
})

const workers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length - atRest
const atRest = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

interface Setup {
  readonly storage?: { readonly use: string; readonly [option: string]: unknown }
  readonly codecs?: readonly { readonly use: string; readonly [option: string]: unknown }[]
  readonly plugins?: readonly string[]
}

function make({
  storage = { use: 'local', path: 'archive' },
  codecs = [{ use: 'zstd' }],
  plugins = [],
}: Setup = {}): ArchiveThread {
  const settings: ArchiveThreadSettings = {
    directory: join(scratch, 'received'),
    cluster: 'main',
    archive: {
      storage,
      codecs,
      readCodecs: [],
      concurrency: 2,
      keepLocal: { ms: 0 },
      drainTimeout: { ms: 1000 },
    },
    plugins,
    configFile: undefined,
    baseDirectory: scratch,
    guarded: false,
    openTimeoutMs: 300,
  }
  const thread = new ArchiveThread(settings, { logger, onStatus: (status) => statuses.push(status), restartMs: 50 })
  started.push(thread)
  return thread
}

const write = (number: number): void =>
  writeFileSync(join(scratch, 'received', segmentName(number)), pagedSegment(number))
const archived = (): readonly string[] => {
  const folder = join(scratch, 'archive', 'main', CLUSTER, 'wal', '00000001')
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}
const objects = (...numbers: number[]): readonly string[] => numbers.map((number) => `${segmentName(number)}.zst`)

async function reach(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not reached in time: ${what}\n${logger.lines.join('\n')}`)
    await delay(10)
  }
}

/**
 * A storage in a file of its own that keeps objects in a folder. `trouble` is run before each operation, with
 * `operation` and `key`, and with `once(name)`, which is true the first time in any thread.
 */
function plugin(trouble: string): Setup {
  const file = './plugin/scripted.mjs'
  writeFileSync(
    join(scratch, file),
    `import fs from 'node:fs'
import path from 'node:path'
const base = ${JSON.stringify(join(scratch, 'archive'))}
const once = (name) => {
  const flag = path.join(base, '..', name)
  if (fs.existsSync(flag)) return false
  fs.writeFileSync(flag, '')
  return true
}
const fault = (code, message) =>
  Object.assign(new Error(message), { code, [Symbol.for('walr.StorageError/1')]: true, name: 'StorageError' })
const trouble = async (operation, key) => {
  ${trouble}
}
const listed = (folder) =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(base, path.join(entry.parentPath, entry.name)))
    : []
export default {
  name: ${JSON.stringify(file)},
  apiVersion: 1,
  options: [],
  parseOptions: () => ({}),
  createStorage: async () => {
    await trouble('create', '')
    return {
      capabilities: { createIfAbsent: 'atomic', rangeReads: false, maxObjectBytes: Infinity },
      async put(key, source) {
        await trouble('put', key)
        const target = path.join(base, key)
        if (fs.existsSync(target)) throw fault('AlreadyExists', 'there')
        const chunks = []
        for await (const chunk of source.open()) chunks.push(Buffer.from(chunk))
        fs.mkdirSync(path.dirname(target), { recursive: true })
        fs.writeFileSync(target, Buffer.concat(chunks))
        return { size: Buffer.concat(chunks).length }
      },
      async get(key) {
        await trouble('get', key)
        const target = path.join(base, key)
        if (!fs.existsSync(target)) throw fault('NotFound', 'absent')
        return (async function* () {
          yield fs.readFileSync(target)
        })()
      },
      async head() {
        throw fault('Unsupported', 'no')
      },
      async *list(prefix, { startAfter = '' }) {
        await trouble('list', prefix)
        for (const key of listed(base).sort()) {
          if (key.startsWith(prefix) && key > startAfter) yield { key, size: 0, modifiedAt: new Date(0) }
        }
      },
      async delete() {},
      async [Symbol.asyncDispose]() {
        await trouble('dispose', '')
      },
    }
  },
}
`,
  )
  return { storage: { use: file }, plugins: [file] }
}

describe('the archive’s thread', () => {
  it('archives what is there and what is hinted at, and ends when all of it is archived', async () => {
    const thread = make()
    await thread.start(signal)
    write(4)
    thread.begin(identity)
    thread.begin(identity)
    await reach(() => archived().length === 1, 'the first segment')
    expect(workers()).toBeGreaterThan(0)
    write(5)
    thread.hint()
    await reach(() => archived().length === 2, 'the second segment')
    write(6)
    await thread.stop(10_000)
    expect(archived()).toEqual(objects(4, 5, 6))
    expect(readdirSync(join(scratch, 'received'))).toEqual(['.walr', segmentName(6)])
    expect(thread.status).toMatchObject({ state: 'stopped', archivedLsn: '0/700000', backlog: { files: 0 } })
    expect(statuses.at(-1)).toEqual(thread.status)
  })

  it('tells where the archive ends, with and without WAL in it', async () => {
    const thread = make()
    await thread.start(signal)
    expect(await thread.findEnd(server, identity, signal)).toBeUndefined()
    for (const number of [4, 5]) write(number)
    thread.begin(identity)
    await reach(() => archived().length === 2, 'both segments')
    expect(await thread.findEnd(server, identity, signal)).toMatchObject({
      timelineId: 1,
      startLsn: 0x600000n,
      seam: { timelineId: 1, name: expect.stringContaining(segmentName(5)) as string },
    })
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(thread.findEnd(server, identity, aborted)).rejects.toThrow('enough')
  })

  it('answers with the error’s code when the archive cannot tell', async () => {
    const thread = make(plugin(`if (operation === 'list') throw fault('Transient', 'connection refused')`))
    await thread.start(signal)
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({
      code: 'WALR_ARCHIVE_UNAVAILABLE',
      message: expect.stringContaining('connection refused') as string,
    })
  })

  it('is ended at once when nothing was begun, twice, or never started', async () => {
    const thread = make()
    await thread.stop(60_000)
    await thread.start(signal)
    await Promise.all([thread.stop(60_000), thread.stop(60_000)])
    await thread.stop(60_000)
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
  })
})

describe('a thread whose plugins or options are wrong', () => {
  it.each<[string, Setup, string]>([
    ['a storage that is not installed', { storage: { use: '@walr/none' }, plugins: ['@walr/none'] }, 'WALR_PLUGIN'],
    ['a storage that nobody provides', { storage: { use: '@walr/none' } }, 'WALR_CONFIG'],
    ['a plugin that is not there', { storage: { use: './no.mjs' }, plugins: ['./no.mjs'] }, 'WALR_PLUGIN'],
    ['an unknown option', { storage: { use: 'local', path: 'archive', pth: 1 } }, 'WALR_CONFIG'],
  ])('does not start with %s, says why, and leaves no thread behind', async (_, setup, code) => {
    const thread = make(setup)
    await expect(thread.start(signal)).rejects.toMatchObject({ code })
    await thread.stop(60_000)
    expect(workers()).toBe(0)
    expect(logger.lines.filter((line) => line.includes('starting it again'))).toEqual([])
  })

  it('does not start with a storage that cannot be made, or that ends the thread meanwhile', async () => {
    const broken = make(plugin(`if (operation === 'create') throw new Error('no such account')`))
    await expect(broken.start(signal)).rejects.toMatchObject({
      message: expect.stringContaining('no such account') as string,
    })
    const gone = make(plugin(`if (operation === 'create') process.exit(7)`))
    await expect(gone.start(signal)).rejects.toMatchObject({ code: 'WALR_INTERNAL' })
    expect(logger.lines.filter((line) => line.includes('starting it again'))).toEqual([])
  })
})

describe('a storage that does not open', () => {
  it('is an outage, and is written to when it is open', async () => {
    const opened = join(scratch, 'opened')
    const wait = `while (!fs.existsSync(${JSON.stringify(opened)})) await new Promise((resolve) => setTimeout(resolve, 20))`
    const thread = make(plugin(`if (operation === 'create') { ${wait} }`))
    await thread.start(signal)
    expect(logger.lines.join('\n')).toContain('has not opened its storage for 0.3 s')
    write(4)
    thread.begin(identity)
    await reach(() => thread.status.state === 'outage', 'the outage')
    expect(thread.status.lastError?.code).toBe('WALR_ARCHIVE_UNAVAILABLE')
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    writeFileSync(opened, '')
    await reach(() => archived().length === 1, 'the segment')
  })

  it('is left alone when walr stops', async () => {
    const thread = make(plugin(`if (operation === 'create') await new Promise(() => {})`))
    await thread.start(signal)
    await thread.stop(0)
    expect(workers()).toBe(0)
  })
})

describe('a start that is to end', () => {
  const stopping = new Error('stopping')

  it.each([
    ['is never opened', `if (operation === 'create') { once('reached'); await new Promise(() => {}) }`, ''],
    ['keeps the thread busy', `if (operation === 'create') for (once('reached'); ;);`, ''],
    ['is never imported', '', `once('reached'); await new Promise(() => {})`],
  ])('does so while a plugin %s, and leaves no thread', async (_, trouble, atImport) => {
    const setup = plugin(trouble)
    appendFileSync(join(scratch, setup.storage?.use ?? ''), atImport)
    const thread = make(setup)
    const stop = new AbortController()
    const outcome = expect(thread.start(stop.signal)).rejects.toBe(stopping)
    await reach(() => existsSync(join(scratch, 'reached')), 'the plugin')
    stop.abort(stopping)
    await outcome
    await thread.stop(0)
    expect(workers()).toBe(0)
  })

  it('tells a plugin so', async () => {
    const file = './plugin/told.mjs'
    const told = join(scratch, 'told')
    writeFileSync(
      join(scratch, file),
      `import { writeFileSync } from 'node:fs'
       export default { name: ${JSON.stringify(file)}, apiVersion: 1, options: [], parseOptions: () => ({}),
         createStorage: (_, { signal, log }) => {
           signal.onabort = () => writeFileSync(${JSON.stringify(told)}, '')
           log.warning('is waiting')
           return new Promise(() => {})
         } }`,
    )
    const thread = make({ storage: { use: file }, plugins: [file] })
    const stop = new AbortController()
    const outcome = expect(thread.start(stop.signal)).rejects.toBe(stopping)
    await reach(() => logger.lines.some((line) => line.includes('is waiting')), 'the plugin')
    stop.abort(stopping)
    await outcome
    await thread.stop(0)
    expect(existsSync(told)).toBe(true)
  })

  it('does not begin when it is to end already', async () => {
    await expect(make().start(AbortSignal.abort(stopping))).rejects.toBe(stopping)
    expect(workers()).toBe(0)
  })
})

describe('a thread that dies', () => {
  it.each([
    ['ends its process', `process.exit(7)`],
    ['throws behind its own back', `setImmediate(() => { throw new Error('a fault') }); await new Promise(() => {})`],
    ['forgets a rejection', `Promise.reject(new Error('a fault')); await new Promise(() => {})`],
  ])('because a plugin %s is started again, and everything is archived once', async (_, death) => {
    const trouble = `if (operation === 'put' && key.includes('/wal/') && once('died')) { ${death} }`
    const thread = make({ ...plugin(trouble) })
    await thread.start(signal)
    for (const number of [4, 5, 6]) write(number)
    thread.begin(identity)
    await reach(() => archived().length === 3, 'all archived')
    await reach(() => thread.status.backlog.files === 0 && thread.status.archivedCount > 0, 'the status of it')
    expect(existsSync(join(scratch, 'died'))).toBe(true)
    const lines = logger.lines.join('\n')
    expect(lines).toContain('error: the archive thread has ended')
    expect(lines).toContain('notice: the archive thread is running again')
    await thread.stop(10_000)
    expect(archived()).toEqual(objects(4, 5, 6))
    expect(readdirSync(join(scratch, 'received'))).toEqual(['.walr', segmentName(6)])
  })

  it('rejects what it was asked, as an outage and not as a fault of walr, and answers the next time', async () => {
    const thread = make(plugin(`if (operation === 'list' && once('died')) process.exit(7)`))
    await thread.start(signal)
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    // It had not been told yet whose WAL comes: it is needed all the same.
    await reach(() => logger.lines.includes('notice: the archive thread is running again'), 'the next thread')
    expect(await thread.findEnd(server, identity, signal)).toBeUndefined()
    write(4)
    thread.begin(identity)
    await reach(() => archived().length === 1, 'the segment')
  })

  it('is not started again when walr stops before that', async () => {
    const thread = make(plugin(`if (operation === 'list') process.exit(7)`))
    await thread.start(signal)
    await expect(thread.findEnd(server, identity, signal)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    await thread.stop(60_000)
    // When another one is up, this one would be, too.
    const another = make()
    await another.start(signal)
    await another.stop(0)
    expect(workers()).toBe(0)
    expect(logger.lines.filter((line) => line.includes('running again'))).toEqual([])
  })
})

describe('the end of the thread', () => {
  it.each([
    ['a put that never ends', `if (operation === 'put' && once('reached')) await new Promise(() => {})`],
    ['a storage that does not close', `once('reached'); if (operation === 'dispose') await new Promise(() => {})`],
    ['a storage that fails to close', `once('reached'); if (operation === 'dispose') throw new Error('not closed')`],
    ['a plugin that never gives the thread back', `if (operation === 'put' && once('reached')) for (;;);`],
  ])('comes in time with %s, and the segment stays', async (_, trouble) => {
    const thread = make(plugin(trouble))
    await thread.start(signal)
    write(4)
    thread.begin(identity)
    await reach(() => existsSync(join(scratch, 'reached')), 'the plugin')
    const before = performance.now()
    await thread.stop(100)
    expect(performance.now() - before).toBeLessThan(4000)
    expect(readdirSync(join(scratch, 'received'))).toContain(segmentName(4))
    expect(workers()).toBe(0)
  })
})
