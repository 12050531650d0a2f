import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk } from '../disk/disk.ts'
import { withForbiddenLink } from '../disk/forbidden-link.fixture.ts'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { ErrorCode } from '../errors/error-codes.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { restoreFromDirectory } from './directory-restorer.ts'
import { CLUSTER, encode, SEGMENT, segment, suffixes } from './segment.fixture.ts'
import { parseWantedFile } from './wanted-file.ts'

const names = Array.from({ length: 8 }, (_, number) => `0000000100000000${number.toString(16).padStart(8, '0')}`)
const [, one = '', two = '', three = '', four = ''] = names

let root: string
let directory: string
let dataDirectory: string
let warnings: string[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-restore-'))
  directory = join(root, 'wal')
  dataDirectory = join(root, 'data')
  mkdirSync(directory)
  mkdirSync(join(dataDirectory, 'pg_wal'), { recursive: true })
  warnings = []
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const put = (name: string, bytes: Buffer): void => {
  writeFileSync(join(directory, name), bytes)
}
const recover = (cluster: bigint): void => {
  const control = Buffer.alloc(8192)
  control.writeBigUInt64LE(cluster)
  mkdirSync(join(dataDirectory, 'global'), { recursive: true })
  writeFileSync(join(dataDirectory, 'global', 'pg_control'), control)
}
const mark = (cluster: bigint, walSegmentSize = SEGMENT): void => {
  mkdirSync(join(directory, '.walr'), { recursive: true })
  const identity = { format: 1, systemIdentifier: cluster.toString(), walSegmentSize, serverVersion: '18.4' }
  writeFileSync(join(directory, '.walr', 'identity.json'), JSON.stringify(identity))
}
const target = (): string => join(dataDirectory, 'pg_wal', 'RECOVERYXLOG')
const delivered = (): Buffer => readFileSync(target())

function restore(
  name: string,
  options: { disk?: Disk; partial?: 'auto' | 'never'; signal?: AbortSignal } = {},
): Promise<'delivered' | 'absent'> {
  const logger = new RecordingLogger()
  logger.warning = (message) => void warnings.push(message)
  return restoreFromDirectory({
    disk: options.disk ?? nodeDisk,
    logger,
    directory,
    workingDirectory: dataDirectory,
    wanted: parseWantedFile(name),
    targetPath: target(),
    partial: options.partial ?? 'auto',
    signal: options.signal ?? new AbortController().signal,
  })
}

/** Refuses with this code, and leaves nothing where PostgreSQL would look, under any name. */
async function expectRefusal(name: string, code: ErrorCode, text: string, disk: Disk = nodeDisk): Promise<void> {
  const refused = await restore(name, { disk }).then(
    (outcome) => expect.unreachable(`the outcome was ${outcome}`),
    (error: unknown) => error,
  )
  expect(refused).toMatchObject({ code, message: expect.stringContaining(text) as string })
  expect(readdirSync(join(dataDirectory, 'pg_wal'))).toEqual([])
}

describe('a finished segment', () => {
  it.each(suffixes)('%s is delivered byte for byte', async (suffix) => {
    put(`${two}${suffix}`, encode[suffix](segment(two)))
    recover(CLUSTER)
    mark(CLUSTER)
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two))).toBe(true)
    expect(readdirSync(join(dataDirectory, 'pg_wal'))).toEqual(['RECOVERYXLOG'])
  })

  it('is delivered out of a directory that pg_receivewal made, to a place that is no data directory', async () => {
    put(two, segment(two))
    expect(await restore(two)).toBe('delivered')
  })

  it('replaces what lies at the target, as a call again for the same file does', async () => {
    put(two, segment(two))
    writeFileSync(target(), 'old')
    expect(await restore(two)).toBe('delivered')
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two))).toBe(true)
  })

  it('may have been begun on an earlier timeline', async () => {
    const name = two.replace(/^00000001/, '00000002')
    put(name, segment(two, { timeline: 1 }))
    expect(await restore(name)).toBe('delivered')
  })

  it('is synced before it gets its name', async () => {
    put(two, segment(two))
    const disk = new FaultDisk(nodeDisk)
    await restore(two, { disk })
    const order = disk.operations.map(({ operation }) => operation).filter((name) => /^(write|sync|rename)$/.test(name))
    expect(order.slice(-3)).toEqual(['write', 'sync', 'rename'])
  })

  it('is not delivered, nor left under another name, when PostgreSQL shuts down meanwhile', async () => {
    put(two, segment(two))
    const stop = new AbortController()
    const stopping: Disk = {
      ...nodeDisk,
      open: (path, how, mode) => {
        if (path.endsWith(two)) stop.abort(new Error('shutting down'))
        return nodeDisk.open(path, how, mode)
      },
    }
    await expect(restore(two, { disk: stopping, signal: stop.signal })).rejects.toThrow('shutting down')
    expect(readdirSync(join(dataDirectory, 'pg_wal'))).toEqual([])
  })

  it('is taken in the compression that is good, with a warning about the damaged one', async () => {
    put(two, segment(two).subarray(0, 1000))
    put(`${two}.gz`, encode['.gz'](segment(two)))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two))).toBe(true)
    expect(warnings).toEqual([expect.stringContaining(`"${two}.gz" was taken instead`)])
  })

  it.each([
    [
      'is short',
      segment(two).subarray(0, SEGMENT - 1),
      'WALR_SEGMENT_CORRUPT',
      'holds 1048575 bytes instead of 1048576',
    ],
    ['is long', Buffer.concat([segment(two), Buffer.alloc(1)]), 'WALR_SEGMENT_CORRUPT', 'holds more than the 1048576'],
    ['is empty', Buffer.alloc(0), 'WALR_SEGMENT_CORRUPT', 'holds only zeros'],
    ['holds only zeros', Buffer.alloc(SEGMENT), 'WALR_SEGMENT_CORRUPT', 'holds only zeros'],
    ['is cut in its header', segment(two).subarray(0, 39), 'WALR_SEGMENT_CORRUPT', 'is too short'],
    ['is no WAL', Buffer.alloc(SEGMENT, 'x'), 'WALR_SEGMENT_CORRUPT', 'is not WAL'],
    ['is another segment', segment(three), 'WALR_SEGMENT_CORRUPT', 'starts at 0/300000'],
    ['is of a later timeline', segment(two, { timeline: 2 }), 'WALR_SEGMENT_CORRUPT', 'timeline 2'],
    ['is of another cluster', segment(two, { cluster: 5n }), 'WALR_WRONG_CLUSTER', 'belongs to the cluster 5'],
  ] as const)('that %s is refused in every compression', async (_what, bytes, code, text) => {
    recover(CLUSTER)
    for (const suffix of suffixes) {
      put(`${two}${suffix}`, encode[suffix](bytes))
      await expectRefusal(two, code, text)
      rmSync(join(directory, `${two}${suffix}`))
    }
  })

  it('of another segment size than the directory has is refused', async () => {
    mark(CLUSTER, 16 * SEGMENT)
    put(two, segment(two))
    await expectRefusal(two, 'WALR_WRONG_SEGMENT_SIZE', 'segments of 1048576 bytes')
  })

  it.each(['.gz', '.lz4', '.zst'] as const)('%s that is cut or followed by garbage is refused', async (suffix) => {
    const coded = encode[suffix](segment(two))
    for (const bytes of [coded.subarray(0, -1), coded.subarray(0, 100), Buffer.concat([coded, Buffer.from('x')])]) {
      put(`${two}${suffix}`, bytes)
      await expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'cannot be decoded')
    }
  })

  it('is not called absent beside WAL that is a link which nobody can follow, and a foreign one is no matter', async () => {
    put(one, segment(one))
    mark(CLUSTER)
    await expect(restore(two, { disk: withForbiddenLink(directory, three) })).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: expect.stringContaining(three) as unknown,
    })
    expect(await restore(two, { disk: withForbiddenLink(directory, 'notes') })).toBe('absent')
  })

  it('is refused when its name is a directory or a link that leads nowhere', async () => {
    put(one, segment(one))
    symlinkSync(join(root, 'unmounted', two), join(directory, two))
    await expectRefusal(two, 'WALR_DIRECTORY', 'leads nowhere')
    mkdirSync(join(directory, three))
    await expectRefusal(three, 'WALR_DIRECTORY', 'Is a directory')
  })
})

describe('an unfinished segment', () => {
  it.each(suffixes)('%s is delivered, filled up with zeros, when it is the newest of its timeline', async (suffix) => {
    const bytes = segment(two, { written: 300_000 })
    put(one, segment(one))
    put(`${two.replace(/^00000001/, '00000002')}.partial`, segment(two))
    put(`${two}${suffix}.partial`, suffix === '' ? bytes : encode[suffix](bytes.subarray(0, 300_000)))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(bytes)).toBe(true)
  })

  it('that was not padded yet, or cut while it was compressed, is delivered as far as it goes', async () => {
    put(`${two}.partial`, segment(two).subarray(0, 50_000))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two, { written: 50_000 }))).toBe(true)
    rmSync(join(directory, `${two}.partial`))
    put(`${two}.zst.partial`, encode['.zst'](segment(two)).subarray(0, -4))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().subarray(0, 100_000).equals(segment(two).subarray(0, 100_000))).toBe(true)
  })

  it('loses against a finished one', async () => {
    put(`${two}.partial`, segment(two, { written: 5000 }))
    put(`${two}.gz`, encode['.gz'](segment(two)))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two))).toBe(true)
  })

  it('is the one that goes furthest when there are several', async () => {
    put(`${two}.partial`, segment(two, { written: 5000 }))
    put(`${two}.gz.partial`, encode['.gz'](segment(two).subarray(0, 9000)))
    put(`${two}.lz4.partial`, encode['.lz4'](segment(two).subarray(0, 7000)))
    expect(await restore(two)).toBe('delivered')
    expect(delivered().equals(segment(two, { written: 9000 }))).toBe(true)
  })

  it.each([three, `${four}.gz`, `${three}.partial`, `${three}.zst.partial`])(
    'is refused when %s is there: the rest of it is missing, and WAL does not end in it',
    async (later) => {
      put(`${two}.partial`, segment(two, { written: 5000 }))
      put(later, segment(three))
      await expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'later ones of its timeline are there')
      expect(await restore(two, { partial: 'never' })).toBe('absent')
    },
  )

  it('of zeros only, or empty, is as good as none', async () => {
    put(one, segment(one))
    put(`${two}.partial`, Buffer.alloc(SEGMENT))
    expect(await restore(two)).toBe('absent')
    put(`${two}.partial`, Buffer.alloc(0))
    expect(await restore(two)).toBe('absent')
    rmSync(join(directory, `${two}.partial`))
    put(`${two}.lz4.partial`, encode['.lz4'](segment(two)).subarray(0, 7))
    expect(await restore(two)).toBe('absent')
    expect(existsSync(target())).toBe(false)
  })

  it.each([
    ['another cluster', segment(two, { cluster: 5n }), 'WALR_WRONG_CLUSTER', 'belongs to the cluster 5'],
    ['another segment', segment(three), 'WALR_SEGMENT_CORRUPT', 'starts at'],
    ['something else', Buffer.alloc(SEGMENT, 'x'), 'WALR_SEGMENT_CORRUPT', 'is not WAL'],
    [
      'zeros at its start only',
      Buffer.concat([Buffer.alloc(8192), segment(two).subarray(8192)]),
      'WALR_SEGMENT_CORRUPT',
      'magic',
    ],
    ['too much', Buffer.concat([segment(two), Buffer.alloc(1)]), 'WALR_SEGMENT_CORRUPT', 'more than'],
  ] as const)('of %s is refused', async (_what, bytes, code, text) => {
    recover(CLUSTER)
    put(`${two}.partial`, bytes)
    await expectRefusal(two, code, text)
  })

  it('is found under its new name when it is finished in the moment between looking and reading', async () => {
    put(`${two}.partial`, segment(two, { written: 5000 }))
    const finishing: Disk = {
      ...nodeDisk,
      open: (path, how, mode) => {
        if (path.endsWith(`${two}.partial`) && existsSync(path)) {
          rmSync(path)
          put(two, segment(two))
        }
        return nodeDisk.open(path, how, mode)
      },
    }
    expect(await restore(two, { disk: finishing })).toBe('delivered')
    expect(delivered().equals(segment(two))).toBe(true)
  })

  it('is found when the listing missed it because it was renamed meanwhile', async () => {
    put(one, segment(one))
    put('elsewhere', segment(two))
    const racing: Disk = {
      ...nodeDisk,
      list: async (path) => {
        const entries = await nodeDisk.list(path)
        if (existsSync(join(directory, 'elsewhere'))) renameSync(join(directory, 'elsewhere'), join(directory, two))
        return entries.filter(({ name }) => name !== two)
      },
    }
    expect(await restore(two, { disk: racing })).toBe('delivered')
  })

  it('is also given under its own name, when it is asked for by it', async () => {
    put(`${two}.partial`, segment(two, { written: 5000 }))
    put(three, segment(three))
    expect(await restore(`${two}.partial`)).toBe('delivered')
    expect(await restore(`${one}.partial`)).toBe('absent')
  })
})

describe('a file is absent', () => {
  it.each([two, '00000002.history', `${two}.00000028.backup`, `${two}.partial`])(
    'when the directory is the right one and has none: %s',
    async (name) => {
      put(one, segment(one))
      recover(CLUSTER)
      expect(await restore(name)).toBe('absent')
      expect(existsSync(target())).toBe(false)
    },
  )

  it('when the directory is marked and empty still', async () => {
    mark(CLUSTER)
    recover(CLUSTER)
    expect(await restore(two)).toBe('absent')
  })

  it('with a warning when later ones are there: WAL has a hole', async () => {
    put(one, segment(one))
    put(three, segment(three))
    expect(await restore(two)).toBe('absent')
    expect(warnings).toEqual([expect.stringContaining('later ones of its timeline are')])
  })

  it.each(['missing', 'unmounted'])('never when the directory is %s', async (what) => {
    if (what === 'missing') rmSync(directory, { recursive: true })
    else put('lost+found.txt', Buffer.alloc(1))
    for (const name of [two, '00000002.history']) await expectRefusal(name, 'WALR_DIRECTORY', directory)
  })

  it('never when the directory is marked as of another cluster', async () => {
    mark(5n)
    recover(CLUSTER)
    await expectRefusal(two, 'WALR_WRONG_CLUSTER', 'holds WAL of the cluster 5')
  })

  it.each(suffixes)('never when the directory is not marked and its WAL is of another cluster: %s', async (suffix) => {
    put(`${one}${suffix}`, encode[suffix](segment(one, { cluster: 5n })))
    recover(CLUSTER)
    await expectRefusal(two, 'WALR_WRONG_CLUSTER', 'holds WAL of the cluster 5')
  })

  it('never when the mark or pg_control cannot be read', async () => {
    put(one, segment(one))
    mkdirSync(join(directory, '.walr'))
    writeFileSync(join(directory, '.walr', 'identity.json'), '{')
    await expectRefusal(two, 'WALR_DIRECTORY', 'identity.json')
    rmSync(join(directory, '.walr'), { recursive: true })
    mkdirSync(join(dataDirectory, 'global'))
    writeFileSync(join(dataDirectory, 'global', 'pg_control'), 'short')
    await expectRefusal(two, 'WALR_DIRECTORY', 'pg_control')
  })

  it('never when any operation of the disk fails, and a file is never delivered by halves', async () => {
    put(one, segment(one))
    put(three, segment(three))
    put(`${four}.lz4.partial`, encode['.lz4'](segment(four).subarray(0, 5000)))
    mark(CLUSTER)
    recover(CLUSTER)
    for (const [name, whole] of [
      [two, undefined],
      ['00000002.history', undefined],
      [three, segment(three)],
      [four, segment(four, { written: 5000 })],
    ] as const) {
      const healthy = new FaultDisk(nodeDisk)
      expect(await restore(name, { disk: healthy })).toBe(whole === undefined ? 'absent' : 'delivered')
      for (let failing = 0; failing < healthy.operations.length; failing++) {
        rmSync(target(), { force: true })
        const details = healthy.operations[failing] ?? expect.unreachable()
        const nth = healthy.operations
          .slice(0, failing + 1)
          .filter((other) => other.operation === details.operation).length
        const disk = new FaultDisk(nodeDisk)
        disk.on({ operation: details.operation, nth }, { error: 'EIO' })
        const outcome = await restore(name, { disk }).catch((error: unknown) => error)
        if (existsSync(target())) expect(delivered().equals(whole ?? Buffer.alloc(0))).toBe(true)
        if (details.operation !== 'remove') {
          expect(isWalrError(outcome), `${details.operation} ${details.path}: ${String(outcome)}`).toBe(true)
        }
        expect(outcome === 'absent' && whole !== undefined).toBe(false)
      }
    }
  })
})
