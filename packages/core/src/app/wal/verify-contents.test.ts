import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listArchive } from '../../archive/archive-catalogue.ts'
import { ScriptedStorage } from '../../archive/scripted-storage.fixture.ts'
import { CodecPipeline } from '../../codec/codec-pipeline.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { CodecError, StorageError, type Codec } from '../../plugins/contract/index.ts'
import { toTimelineId } from '../../wal/timeline-id.ts'
import { WalWriter, type WalAction } from '../../wal/record-wal.fixture.ts'
import { CLUSTER, SEGMENT, segmentName } from '../../wal/wal-bytes.fixture.ts'
import type { WantedWal } from '../../archive/missing-wal.ts'
import { knownSystems } from './known-wal.ts'
import { checkSegment } from './segment-check.ts'
import { VerifyContents, type SegmentChecker, type VerifyMeter } from './verify-contents.ts'
import { Findings, type Finding } from './verify-findings.ts'
import { VerifyResume } from './verify-resume.ts'

const base = `main/${CLUSTER}`
const ALL: WantedWal = { timelineId: undefined, from: undefined, end: undefined }
const small: WalAction = { kind: 'record', dataBytes: 100 }
const long: WalAction = { kind: 'record', dataBytes: 1_300_000 }

/** A codec that says of what begins with `?` that it is not for its keys. */
const picky: Codec = {
  id: 'picky',
  kind: 'encryption',
  suffix: '.pick',
  encode: (plain) => plain,
  async *decode(coded) {
    for await (const chunk of coded) {
      if (chunk[0] === 63) throw new CodecError('WrongKey', 'no key at hand fits')
      yield chunk
    }
  },
}

class Bench {
  readonly storage = new ScriptedStorage()
  readonly stop = new AbortController()
  readonly folder: string = mkdtempSync(join(tmpdir(), 'walr-verify-'))
  resumePath: string = join(this.folder, 'verified.json')
  readonly checked: string[] = []
  /** Told of each segment before it is checked. */
  onCheck: (name: string) => void = () => undefined
  meter: VerifyMeter = emptyMeter()

  constructor() {
    const identity = { format: 1, archiveId: 'one', systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
    this.storage.objects.set(`${base}/identity.json`, Buffer.from(JSON.stringify(identity)))
  }

  /** Stores segments from `first` on. */
  store(first: number, segments: readonly Uint8Array[], timelineId = 1, suffixes = ''): void {
    for (const [index, bytes] of segments.entries()) {
      this.storage.objects.set(this.key(first + index, timelineId, suffixes), Buffer.from(bytes))
    }
  }

  key(segmentNumber: number, timelineId = 1, suffixes = ''): string {
    const name = segmentName(segmentNumber, timelineId)
    return `${base}/wal/${name.slice(0, 8)}/${name}${suffixes}`
  }

  branch(timelineId: number, parent: number, segmentNumber: number): void {
    const lsn = `0/${(segmentNumber * SEGMENT + 500_000).toString(16).toUpperCase()}`
    const name = `0000000${timelineId}.history`
    this.storage.objects.set(`${base}/history/${name}`, Buffer.from(`${parent}\t${lsn}\tno reason\n`))
  }

  alter(segmentNumber: number, offset: number, timelineId = 1): void {
    const bytes = this.storage.objects.get(this.key(segmentNumber, timelineId))
    if (bytes) bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset)
  }

  /** @returns `severity where what` of all findings. */
  async verify({ deep = true, wanted = ALL, resume = false } = {}): Promise<readonly Finding[]> {
    const { storage, stop } = this
    const { catalogues } = await listArchive({ storage, cluster: 'main', systemIdentifier: undefined }, stop.signal)
    const findings = new Findings()
    const kept = await VerifyResume.open(
      nodeDisk,
      resume ? this.resumePath : undefined,
      deep ? 'deep' : 'default',
      catalogues,
    )
    this.meter = emptyMeter()
    this.checked.length = 0
    const archive = { storage, codecs: new CodecPipeline([], [picky]), [Symbol.asyncDispose]: () => Promise.resolve() }
    const checker: SegmentChecker = {
      capacity: 3,
      check: async (check) => {
        this.onCheck(check.name)
        this.checked.push(check.name)
        return checkSegment(check, { archive }, stop.signal, () => Promise.resolve())
      },
    }
    for (const known of knownSystems(catalogues)) {
      for (const catalogue of known.catalogues) {
        const contents = new VerifyContents(catalogue, known, {
          ...{ checker, directory: undefined, cluster: 'main', deep, resume: kept, findings, meter: this.meter },
          ...{ onProgress: () => undefined, signal: stop.signal },
        })
        await contents.run(wanted)
      }
    }
    return findings.all
  }
}

function emptyMeter(): VerifyMeter {
  return { segments: 0, objects: 0, plainBytes: 0, storedBytes: 0, skippedSegments: 0, records: 0 }
}

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => {
  rmSync(bench.folder, { recursive: true })
})

const wal = new WalWriter(1).run([
  ...[small, long, small, long, small, { kind: 'crash', dataBytes: 900_000 } as const, long],
  ...[{ kind: 'switch' } as const, small, long],
])

describe('a deep verification', () => {
  it('follows records over segments, crashes and switches', async () => {
    bench.store(1, wal.segments)
    expect(await bench.verify()).toEqual([])
    expect(bench.meter).toMatchObject({ segments: wal.segments.length, records: expect.any(Number) as number })
    expect(bench.meter.plainBytes).toBe(wal.segments.length * SEGMENT)
  })

  it('notices a record on the edge that is of two pieces', async () => {
    bench.store(1, wal.segments)
    bench.alter(2, 100)
    expect(await bench.verify()).toMatchObject([
      { severity: 'damaged', where: segmentName(1), what: expect.stringContaining('wrong checksum') as string },
    ])
    expect(await bench.verify({ deep: false })).toEqual([])
  })

  it('notices that a segment ends early although another one follows', async () => {
    bench.store(1, wal.segments)
    const early = new WalWriter(1).run([small]).segments
    bench.store(1, early)
    expect(await bench.verify()).toMatchObject([
      { severity: 'damaged', where: segmentName(1), what: expect.stringContaining('WAL ends at 0/10') as string },
    ])
  })

  it('goes on over a promotion, from the segment in which the timeline was left', async () => {
    bench.store(1, wal.segments)
    // The child has a copy of the beginning of the segment, and other records behind it.
    const other = new WalWriter(1).run([small, long, { kind: 'record', dataBytes: 500 }, long, small, long])
    bench.store(2, other.segments.slice(1), 2)
    bench.branch(2, 1, 2)
    expect(await bench.verify()).toEqual([])
    // Of another server: its first segment continues another record.
    const foreign = new WalWriter(1, 99).run([small, long, small, long])
    bench.store(2, foreign.segments.slice(1), 2)
    expect((await bench.verify())[0]).toMatchObject({ severity: 'damaged', where: segmentName(1) })
  })

  it('takes stray bytes for something that deserves a look', async () => {
    bench.store(1, new WalWriter(1).run([small, { kind: 'switch' }]).segments)
    bench.alter(1, 700_000)
    expect(await bench.verify()).toMatchObject([{ severity: 'warning', lsn: '0/1AAE60' }])
  })
})

describe('a verification that was interrupted', () => {
  it('goes on behind what was good', async () => {
    bench.store(1, wal.segments)
    bench.onCheck = (name) => {
      if (name === segmentName(6)) bench.stop.abort(new Error('stopped'))
    }
    await expect(bench.verify({ resume: true })).rejects.toThrow('stopped')
    const again = new Bench()
    again.store(1, wal.segments)
    writeFileSync(again.resumePath, readFileSync(bench.resumePath))
    expect(await again.verify({ resume: true })).toEqual([])
    expect(again.meter.skippedSegments).toBeGreaterThan(0)
    expect(again.meter.skippedSegments + again.meter.segments).toBe(wal.segments.length)
    // All of it is known now; what is on the edge of the pieces, too.
    expect(await again.verify({ resume: true })).toEqual([])
    expect(again.checked).toEqual([])
    rmSync(again.folder, { recursive: true })
  })

  it('looks again at what was not good, and at what follows it when it has become good', async () => {
    bench.store(1, wal.segments)
    bench.alter(3, 100_000)
    expect(await bench.verify({ resume: true })).toMatchObject([{ severity: 'damaged' }])
    expect(await bench.verify({ resume: true })).toMatchObject([{ severity: 'damaged' }])
    expect(bench.checked).toContain(segmentName(3))
    expect(bench.checked).not.toContain(segmentName(1))
    bench.store(1, wal.segments)
    expect(await bench.verify({ resume: true })).toEqual([])
    expect(await bench.verify({ resume: true })).toEqual([])
    expect(bench.checked).toEqual([])
  })

  it('checks what is new against the end of what was good', async () => {
    bench.store(1, wal.segments.slice(0, 2))
    expect(await bench.verify({ resume: true })).toEqual([])
    bench.store(1, wal.segments)
    bench.alter(3, 60)
    expect(await bench.verify({ resume: true })).toMatchObject([{ severity: 'damaged' }])
    expect(bench.checked).not.toContain(segmentName(2))
  })

  it('looks again at the end of a timeline that was left there since', async () => {
    bench.store(1, wal.segments)
    expect(await bench.verify({ resume: true })).toEqual([])
    bench.store(3, wal.segments.slice(2, 3), 2)
    bench.branch(2, 1, 3)
    bench.alter(3, 60, 2)
    expect(await bench.verify({ resume: true })).toMatchObject([{ severity: 'damaged' }])
  })

  it('looks again at what was replaced by an object of the same size', async () => {
    bench.store(1, wal.segments)
    await bench.verify({ resume: true })
    await bench.verify({ resume: true })
    expect(bench.checked).toEqual([])
    const list = bench.storage.list.bind(bench.storage)
    bench.storage.list = async function* (prefix, options) {
      for await (const object of list(prefix, options)) {
        yield object.key === bench.key(2) ? { ...object, modifiedAt: new Date(5) } : object
      }
    }
    bench.alter(2, 100)
    expect(await bench.verify({ resume: true })).toMatchObject([{ severity: 'damaged' }])
  })

  it('refuses a file of another archive, of another mode, and of something else', async () => {
    bench.store(1, wal.segments.slice(0, 1))
    await bench.verify({ resume: true })
    await expect(bench.verify({ resume: true, deep: false })).rejects.toThrow('with --deep')
    const text = readFileSync(bench.resumePath, 'utf8')
    writeFileSync(bench.resumePath, text.replace('"one"', '"two"'))
    await expect(bench.verify({ resume: true })).rejects.toThrow('of another archive')
    writeFileSync(bench.resumePath, text.replaceAll(CLUSTER, '1234'))
    await expect(bench.verify({ resume: true })).rejects.toThrow('of another archive')
    for (const content of ['', 'nonsense', '{}', 'null', '[]', text.slice(0, -10)]) {
      writeFileSync(bench.resumePath, content)
      await expect(bench.verify({ resume: true })).rejects.toThrow('is no file')
    }
    // What somebody has altered is not believed.
    writeFileSync(bench.resumePath, text.replace(/"crc":-?\d+/, '"crc":"x"').replace(/"first":"\d+"/, '"first":"x"'))
    await bench.verify({ resume: true })
    expect(bench.meter.segments).toBe(1)
  })
})

describe('objects that cannot be read', () => {
  it('because nothing fits the keys are not damaged: nobody knows', async () => {
    bench.store(
      1,
      Array.from({ length: 3 }, () => Buffer.from('?')),
      1,
      '.pick',
    )
    expect(await bench.verify()).toMatchObject([{ severity: 'unchecked', code: 'WALR_KEY' }])
  })

  it('with keys that fit others are damaged', async () => {
    bench.store(1, wal.segments, 1, '.pick')
    bench.store(3, [Buffer.from('?')], 1, '.pick')
    expect(await bench.verify({ deep: false })).toMatchObject([{ severity: 'damaged', code: 'WALR_KEY' }])
  })

  it('because none of the keys fits are not all tried', async () => {
    bench.store(
      1,
      Array.from({ length: 300 }, () => Buffer.from('?')),
      1,
      '.pick',
    )
    const findings = await bench.verify()
    expect(findings.every(({ severity }) => severity === 'unchecked')).toBe(true)
    expect(bench.checked.length).toBeLessThan(100)
  })

  it('for an outage are tried again, and given up when it lasts', async () => {
    bench.store(1, wal.segments)
    let failures = 2
    bench.storage.script = ({ operation, key }) => {
      if (operation === 'get' && key === bench.key(2) && failures-- > 0) throw new StorageError('Transient', 'away')
    }
    expect(await bench.verify()).toEqual([])
    bench.store(
      1,
      Array.from({ length: 60 }, () => Buffer.from('x')),
    )
    bench.storage.script = ({ operation, key }) => {
      if (operation === 'get' && key.includes('/wal/')) throw new StorageError('Transient', 'away')
    }
    const findings = await bench.verify()
    expect(findings.every(({ severity }) => severity === 'unchecked')).toBe(true)
    expect(findings.at(-1)?.what).toContain('not looked at')
    expect(bench.checked.length).toBeLessThan(30)
  })

  it('to their end are not read to their end', async () => {
    bench.store(1, [Buffer.concat([wal.segments[0] ?? Buffer.alloc(0), Buffer.alloc(20 * SEGMENT)])])
    expect(await bench.verify()).toMatchObject([{ severity: 'damaged', code: 'WALR_SEGMENT_CORRUPT' }])
    expect(bench.meter.plainBytes).toBeLessThan(2 * SEGMENT)
  })

  it('with a suffix that no codec has say so', async () => {
    bench.store(1, wal.segments.slice(0, 1), 1, '.lzma')
    expect(await bench.verify()).toMatchObject([{ severity: 'unchecked', code: 'WALR_CONFIG' }])
  })

  it('because they have gone meanwhile are missing', async () => {
    bench.store(1, wal.segments)
    bench.onCheck = () => bench.storage.objects.delete(bench.key(2))
    expect(await bench.verify()).toMatchObject([{ severity: 'missing', where: bench.key(2) }])
  })
})

describe('a file that keeps what is good, and can no longer be written,', () => {
  it('takes nothing from the result', async () => {
    bench.store(1, wal.segments)
    bench.alter(2, 100)
    bench.resumePath = join(bench.folder, 'inner', 'verified.json')
    mkdirSync(join(bench.folder, 'inner'))
    bench.onCheck = () => rmSync(join(bench.folder, 'inner'), { recursive: true, force: true })
    expect(await bench.verify({ resume: true })).toMatchObject([
      { severity: 'damaged' },
      { severity: 'warning', code: 'WALR_WRITE_FAILED', where: bench.resumePath },
    ])
  })
})

describe('a verification of a part', () => {
  it('looks at what a recovery along a timeline reads', async () => {
    bench.store(1, wal.segments)
    bench.store(3, wal.segments.slice(2), 2)
    bench.branch(2, 1, 3)
    await bench.verify({ wanted: { timelineId: toTimelineId(2), from: undefined, end: 5n } })
    expect(bench.checked).toEqual([segmentName(1), segmentName(2), segmentName(3, 2), segmentName(4, 2)])
  })
})

describe('an unfinished segment of an archive', () => {
  const last = wal.segments.at(-1) ?? Buffer.alloc(0)
  const partialKey = `${base}/partial/00000001/${segmentName(wal.segments.length)}.partial`

  it('is good when it begins as it should, whatever follows', async () => {
    bench.store(1, wal.segments.slice(0, -1))
    const recycled = Buffer.concat([last.subarray(0, 500_000), wal.bytes.subarray(0, SEGMENT - 500_000)])
    bench.storage.objects.set(partialKey, recycled)
    expect(await bench.verify()).toEqual([])
    expect(bench.checked).toContain(segmentName(wal.segments.length))
  })

  it('is damaged when it is of another place, or too long', async () => {
    bench.store(1, wal.segments.slice(0, -1))
    bench.storage.objects.set(partialKey, Buffer.from(wal.segments[0] ?? []))
    expect(await bench.verify()).toMatchObject([{ severity: 'damaged', where: partialKey }])
    bench.storage.objects.set(partialKey, Buffer.concat([last, Buffer.alloc(1)]))
    expect(await bench.verify()).toMatchObject([{ severity: 'damaged', where: partialKey }])
  })
})
