import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk } from '../disk/disk.ts'
import { withForbiddenLink } from '../disk/forbidden-link.fixture.ts'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { RestoreBench } from './restore-bench.fixture.ts'
import { CLUSTER, encode, SEGMENT, segment, suffixes, validSegment } from './segment.fixture.ts'

const names = Array.from({ length: 8 }, (_, number) => `0000000100000000${number.toString(16).padStart(8, '0')}`)
const [, one = '', two = '', three = '', four = ''] = names

let bench: RestoreBench
beforeEach(() => {
  bench = new RestoreBench()
})
afterEach(() => bench.remove())

describe('a finished segment', () => {
  it.each(suffixes)('%s is delivered byte for byte', async (suffix) => {
    bench.put(`${two}${suffix}`, encode[suffix](segment(two)))
    bench.recover()
    bench.mark()
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(readdirSync(join(bench.dataDirectory, 'pg_wal'))).toEqual(['RECOVERYXLOG'])
  })

  it('is delivered out of a directory that pg_receivewal made, to a place that is no data directory', async () => {
    bench.put(two, segment(two))
    expect(await bench.restore(two)).toBe('delivered')
  })

  it('replaces what lies at the target, as a call again for the same file does', async () => {
    bench.put(two, segment(two))
    writeFileSync(bench.target, 'old')
    expect(await bench.restore(two)).toBe('delivered')
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
  })

  it('may have been begun on an earlier timeline', async () => {
    const name = two.replace(/^00000001/, '00000002')
    bench.put(name, segment(two, { timeline: 1 }))
    expect(await bench.restore(name)).toBe('delivered')
  })

  it('is synced before it gets its name', async () => {
    bench.put(two, segment(two))
    const disk = new FaultDisk(nodeDisk)
    await bench.restore(two, { disk })
    const order = disk.operations.map(({ operation }) => operation).filter((name) => /^(write|sync|rename)$/.test(name))
    expect(order.slice(-3)).toEqual(['write', 'sync', 'rename'])
  })

  it('is not delivered, nor left under another name, when PostgreSQL shuts down meanwhile', async () => {
    bench.put(two, segment(two))
    const stop = new AbortController()
    const stopping: Disk = {
      ...nodeDisk,
      open: (path, how, mode) => {
        if (path.endsWith(two)) stop.abort(new Error('shutting down'))
        return nodeDisk.open(path, how, mode)
      },
    }
    await expect(bench.restore(two, { disk: stopping, signal: stop.signal })).rejects.toThrow('shutting down')
    expect(readdirSync(join(bench.dataDirectory, 'pg_wal'))).toEqual([])
  })

  it('is taken in the compression that is good, with a warning about the damaged one', async () => {
    bench.put(two, segment(two).subarray(0, 1000))
    bench.put(`${two}.gz`, encode['.gz'](segment(two)))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(bench.warnings).toEqual([expect.stringContaining(`/${two}.gz" was taken instead`)])
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
    bench.recover()
    for (const suffix of suffixes) {
      bench.put(`${two}${suffix}`, encode[suffix](bytes))
      await bench.expectRefusal(two, code, text)
      rmSync(join(bench.directory, `${two}${suffix}`))
    }
  })

  it('of another segment size than the directory has is refused', async () => {
    bench.mark(CLUSTER, 16 * SEGMENT)
    bench.put(two, segment(two))
    await bench.expectRefusal(two, 'WALR_WRONG_SEGMENT_SIZE', 'segments of 1048576 bytes')
  })

  it.each(['.gz', '.lz4', '.zst'] as const)('%s that is cut or followed by garbage is refused', async (suffix) => {
    const coded = encode[suffix](segment(two))
    for (const bytes of [coded.subarray(0, -1), coded.subarray(0, 100), Buffer.concat([coded, Buffer.from('x')])]) {
      bench.put(`${two}${suffix}`, bytes)
      await bench.expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'cannot be decoded')
    }
  })

  it('is not called absent beside WAL that is a link which nobody can follow, and a foreign one is no matter', async () => {
    bench.put(one, segment(one))
    bench.mark()
    await expect(bench.restore(two, { disk: withForbiddenLink(bench.directory, three) })).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: expect.stringContaining(three) as unknown,
    })
    expect(await bench.restore(two, { disk: withForbiddenLink(bench.directory, 'notes') })).toBe('absent')
  })

  it('is refused when its name is a directory or a link that leads nowhere', async () => {
    bench.put(one, segment(one))
    symlinkSync(join(bench.root, 'unmounted', two), join(bench.directory, two))
    await bench.expectRefusal(two, 'WALR_DIRECTORY', 'leads nowhere')
    mkdirSync(join(bench.directory, three))
    await bench.expectRefusal(three, 'WALR_DIRECTORY', 'Is a directory')
  })
})

describe('an unfinished segment', () => {
  it.each(suffixes)('%s is delivered, filled up with zeros, when it is the newest of its timeline', async (suffix) => {
    const bytes = segment(two, { written: 300_000 })
    bench.put(one, segment(one))
    bench.put(`${two.replace(/^00000001/, '00000002')}.partial`, segment(two))
    bench.put(`${two}${suffix}.partial`, suffix === '' ? bytes : encode[suffix](bytes.subarray(0, 300_000)))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(validSegment(two, 300_000))).toBe(true)
  })

  it('that was not padded yet, or cut while it was compressed, is delivered as far as it goes', async () => {
    bench.put(`${two}.partial`, segment(two).subarray(0, 50_000))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(validSegment(two, 50_000))).toBe(true)
    rmSync(join(bench.directory, `${two}.partial`))
    bench.put(`${two}.zst.partial`, encode['.zst'](segment(two)).subarray(0, -4))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.subarray(0, 100_000).equals(segment(two).subarray(0, 100_000))).toBe(true)
  })

  it.each([
    ['a torn record', (bytes: Buffer) => bytes.fill(0, 100_100)],
    ['a record with a wrong checksum', (bytes: Buffer) => bytes.fill(7, 100_050, 100_051)],
    ['WAL of an earlier use of the file', (bytes: Buffer) => segment(one).copy(bytes, 98_304, 98_304)],
    ['garbage', (bytes: Buffer) => bytes.fill('x', 100_000)],
  ])('ends behind its last valid record when %s follows: the rest is zeros', async (_what, spoil) => {
    const bytes = segment(two)
    spoil(bytes)
    bench.put(`${two}.partial`, bytes)
    expect(await bench.restore(two)).toBe('delivered')
    const end = bench.delivered.findLastIndex((byte) => byte !== 0) + 1
    expect(end).toBeGreaterThan(98_000)
    expect(end).toBeLessThanOrEqual(100_100)
    expect(bench.delivered.equals(validSegment(two, end))).toBe(true)
  })

  it('loses against a finished one', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 5000 }))
    bench.put(`${two}.gz`, encode['.gz'](segment(two)))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
  })

  it('is the one that goes furthest when there are several', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 5000 }))
    bench.put(`${two}.gz.partial`, encode['.gz'](segment(two).subarray(0, 9000)))
    bench.put(`${two}.lz4.partial`, encode['.lz4'](segment(two).subarray(0, 7000)))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(validSegment(two, 9000))).toBe(true)
  })

  it.each([three, `${four}.gz`, `${three}.partial`, `${three}.zst.partial`])(
    'is refused when %s is there: the rest of it is missing, and WAL does not end in it',
    async (later) => {
      bench.put(`${two}.partial`, segment(two, { written: 5000 }))
      bench.put(later, segment(three))
      await bench.expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'later ones of its timeline are there')
      expect(await bench.restore(two, { partial: 'never', atGap: 'end' })).toBe('absent')
    },
  )

  it('of zeros only, or empty, is as good as none', async () => {
    bench.put(one, segment(one))
    bench.put(`${two}.partial`, Buffer.alloc(SEGMENT))
    expect(await bench.restore(two)).toBe('absent')
    bench.put(`${two}.partial`, Buffer.alloc(0))
    expect(await bench.restore(two)).toBe('absent')
    rmSync(join(bench.directory, `${two}.partial`))
    bench.put(`${two}.lz4.partial`, encode['.lz4'](segment(two)).subarray(0, 7))
    expect(await bench.restore(two)).toBe('absent')
    expect(existsSync(bench.target)).toBe(false)
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
    bench.recover()
    bench.put(`${two}.partial`, bytes)
    await bench.expectRefusal(two, code, text)
  })

  it('is found under its new name when it is finished in the moment between looking and reading', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 5000 }))
    const finishing: Disk = {
      ...nodeDisk,
      open: (path, how, mode) => {
        if (path.endsWith(`${two}.partial`) && existsSync(path)) {
          rmSync(path)
          bench.put(two, segment(two))
        }
        return nodeDisk.open(path, how, mode)
      },
    }
    expect(await bench.restore(two, { disk: finishing })).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
  })

  it('is found when the listing missed it because it was renamed meanwhile', async () => {
    bench.put(one, segment(one))
    bench.put('elsewhere', segment(two))
    const racing: Disk = {
      ...nodeDisk,
      list: async (path) => {
        const entries = await nodeDisk.list(path)
        if (existsSync(join(bench.directory, 'elsewhere')))
          renameSync(join(bench.directory, 'elsewhere'), join(bench.directory, two))
        return entries.filter(({ name }) => name !== two)
      },
    }
    expect(await bench.restore(two, { disk: racing })).toBe('delivered')
  })

  it('is also given under its own name, when it is asked for by it', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 5000 }))
    bench.put(three, segment(three))
    expect(await bench.restore(`${two}.partial`)).toBe('delivered')
    expect(await bench.restore(`${one}.partial`)).toBe('absent')
  })
})

describe('a file is absent', () => {
  it.each([two, '00000002.history', `${two}.00000028.backup`, `${two}.partial`])(
    'when the directory is the right one and has none: %s',
    async (name) => {
      bench.put(one, segment(one))
      bench.recover()
      expect(await bench.restore(name)).toBe('absent')
      expect(existsSync(bench.target)).toBe(false)
    },
  )

  it('when the directory is marked and empty still', async () => {
    bench.mark()
    bench.recover()
    expect(await bench.restore(two)).toBe('absent')
  })

  it('with a warning when later ones are there: WAL has a hole', async () => {
    bench.put(one, segment(one))
    bench.put(three, segment(three))
    await bench.expectRefusal(two, 'WALR_WAL_GAP', 'later ones of its timeline are')
    expect(await bench.restore(two, { atGap: 'end' })).toBe('absent')
    expect(bench.warnings).toEqual([expect.stringContaining('later ones of its timeline are')])
  })

  it.each(['missing', 'unmounted'])('never when the directory is %s', async (what) => {
    if (what === 'missing') rmSync(bench.directory, { recursive: true })
    else bench.put('lost+found.txt', Buffer.alloc(1))
    for (const name of [two, '00000002.history']) await bench.expectRefusal(name, 'WALR_DIRECTORY', bench.directory)
  })

  it.each([
    ['an open segment without a byte of WAL', `${one}.partial`, Buffer.alloc(SEGMENT)],
    ['an empty file', `${one}.partial`, Buffer.alloc(0)],
    ['garbage', one, Buffer.alloc(SEGMENT, 'x')],
  ])('never when the only WAL of an unmarked directory does not say whose it is: %s', async (_, name, bytes) => {
    bench.put(name, bytes)
    bench.recover()
    for (const wanted of [two, '00000002.history'])
      await bench.expectRefusal(wanted, 'WALR_DIRECTORY', 'says whose WAL')
    bench.put(three, segment(three))
    expect(await bench.restore('00000002.history')).toBe('absent')
  })

  it('never when the directory is marked as of another cluster', async () => {
    bench.mark(5n)
    bench.recover()
    await bench.expectRefusal(two, 'WALR_WRONG_CLUSTER', 'holds WAL of the cluster 5')
  })

  it.each(suffixes)('never when the directory is not marked and its WAL is of another cluster: %s', async (suffix) => {
    bench.put(`${one}${suffix}`, encode[suffix](segment(one, { cluster: 5n })))
    bench.recover()
    await bench.expectRefusal(two, 'WALR_WRONG_CLUSTER', 'holds WAL of the cluster 5')
  })

  it('never when the mark or pg_control cannot be read', async () => {
    bench.put(one, segment(one))
    mkdirSync(join(bench.directory, '.walr'))
    writeFileSync(join(bench.directory, '.walr', 'identity.json'), '{')
    await bench.expectRefusal(two, 'WALR_DIRECTORY', 'identity.json')
    rmSync(join(bench.directory, '.walr'), { recursive: true })
    mkdirSync(join(bench.dataDirectory, 'global'))
    writeFileSync(join(bench.dataDirectory, 'global', 'pg_control'), 'short')
    await bench.expectRefusal(two, 'WALR_DIRECTORY', 'pg_control')
  })

  it('never when any operation of the disk fails, and a file is never delivered by halves', async () => {
    bench.put(one, segment(one))
    bench.put(three, segment(three))
    bench.put(`${four}.lz4.partial`, encode['.lz4'](segment(four).subarray(0, 5000)))
    bench.mark()
    bench.recover()
    for (const [name, whole] of [
      [two, undefined],
      ['00000002.history', undefined],
      [three, segment(three)],
      [four, validSegment(four, 5000)],
    ] as const) {
      const healthy = new FaultDisk(nodeDisk)
      expect(await bench.restore(name, { disk: healthy, atGap: 'end' })).toBe(
        whole === undefined ? 'absent' : 'delivered',
      )
      for (let failing = 0; failing < healthy.operations.length; failing++) {
        rmSync(bench.target, { force: true })
        const details = healthy.operations[failing] ?? expect.unreachable()
        const nth = healthy.operations
          .slice(0, failing + 1)
          .filter((other) => other.operation === details.operation).length
        const disk = new FaultDisk(nodeDisk)
        disk.on({ operation: details.operation, nth }, { error: 'EIO' })
        const outcome = await bench.restore(name, { disk, atGap: 'end' }).catch((error: unknown) => error)
        if (existsSync(bench.target)) expect(bench.delivered.equals(whole ?? Buffer.alloc(0))).toBe(true)
        if (details.operation !== 'remove') {
          expect(isWalrError(outcome), `${details.operation} ${details.path}: ${String(outcome)}`).toBe(true)
        }
        expect(outcome === 'absent' && whole !== undefined).toBe(false)
      }
    }
  })
})
