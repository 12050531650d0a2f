import { existsSync, rmSync } from 'node:fs'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import type { ErrorCode } from '../errors/error-codes.ts'
import { CodecError, StorageError, type Codec } from '../plugins/contract/index.ts'
import { RestoreBench } from './restore-bench.fixture.ts'
import { CLUSTER, SEGMENT, segment, validSegment } from './segment.fixture.ts'

const [one = '', two = '', three = '', four = ''] = [1, 2, 3, 4].map((number) => `0000000100000000${hex(number)}`)
const history = Buffer.from('1\t0/74FE98\tno recovery target specified\n')

let bench: RestoreBench
beforeEach(() => {
  bench = new RestoreBench()
  bench.hasDirectory = false
  bench.recover()
  bench.archive()
})
afterEach(() => bench.remove())

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0')
}

/** A codec of one call each way. */
function codec(
  suffix: `.${string}`,
  encode: (bytes: Buffer) => Buffer,
  decode: (bytes: Buffer) => Buffer,
  kind: Codec['kind'] = 'compression',
): Codec {
  const whole = (work: (bytes: Buffer) => Buffer): Codec['encode'] =>
    async function* (input) {
      const chunks: Buffer[] = []
      for await (const chunk of input) chunks.push(Buffer.from(chunk))
      yield work(Buffer.concat(chunks))
    }
  return { id: suffix, kind, suffix, encode: whole(encode), decode: whole(decode) }
}

const zstd = codec('.zst', (bytes) => zstdCompressSync(bytes), unpacked)
const wrongKey = codec('.aes', (bytes) => bytes, refuse, 'encryption')

function unpacked(bytes: Buffer): Buffer {
  try {
    return zstdDecompressSync(bytes)
  } catch (cause) {
    throw new CodecError('Corrupt', 'the frame is damaged', { cause })
  }
}

function refuse(): never {
  throw new CodecError('WrongKey', 'needs the key "a1b2"')
}

describe('a file of the archive', () => {
  it('is delivered with one request when it is under the configured suffix', async () => {
    bench.archive(new CodecPipeline([zstd], []))
    bench.storeSegment(two, zstdCompressSync(segment(two)), '.zst')
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(bench.storage.calls.map(({ operation }) => operation)).toEqual(['get'])
  })

  it('is found under another suffix with one listing', async () => {
    bench.archive(new CodecPipeline([zstd], []))
    bench.storeSegment(two, segment(two))
    bench.storeSegment(three, segment(three))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(bench.storage.calls.map(({ operation }) => operation)).toEqual(['get', 'list', 'get'])
  })

  it('is taken under the suffix that is good, with a warning about the damaged one', async () => {
    bench.archive(new CodecPipeline([zstd], []))
    bench.storeSegment(two, Buffer.from('damaged'), '.zst')
    bench.storeSegment(two, segment(two))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.warnings).toEqual([expect.stringContaining('was taken instead')])
  })

  it.each([
    ['00000002.history', 'history/00000002.history', history],
    [`${two}.00000028.backup`, `backup-history/${two}.00000028.backup`, Buffer.from('START WAL LOCATION: 0/28\n')],
    [`${two}.partial`, `partial/00000001/${two}.partial`, segment(two, { written: 5000 })],
  ])('is also %s', async (name, key, bytes) => {
    expect(await bench.restore(name)).toBe('absent')
    bench.store(key, bytes)
    expect(await bench.restore(name)).toBe('delivered')
    expect(bench.delivered.equals(bytes)).toBe(true)
  })

  it('is also a partial segment that was encoded, with WAL of an earlier use of the file behind its end', async () => {
    bench.archive(new CodecPipeline([zstd], []))
    const recycled = segment(two)
    segment(one).copy(recycled, 500_000 - (500_000 % 8192), 500_000 - (500_000 % 8192))
    bench.store(`partial/00000001/${two}.partial.zst`, zstdCompressSync(recycled))
    expect(await bench.restore(`${two}.partial`)).toBe('delivered')
    expect(bench.delivered.equals(recycled)).toBe(true)
  })

  it('is found in the only system of the archive when nobody says which one it is', async () => {
    const other = new RestoreBench()
    other.hasDirectory = false
    other.archive()
    other.storeSegment(two, segment(two))
    expect(await other.restore(two)).toBe('delivered')
    rmSync(other.target)
    other.archive(undefined, { cluster: 5n })
    await other.expectRefusal(two, 'WALR_USAGE', `several systems: 5, ${CLUSTER.toString()}`)
    other.remove()
  })

  it.each<[string, string, Buffer, ErrorCode, string]>([
    ['is short', '', segment(two).subarray(0, -1), 'WALR_SEGMENT_CORRUPT', 'instead of 1048576'],
    ['is long', '', Buffer.concat([segment(two), Buffer.alloc(1)]), 'WALR_SEGMENT_CORRUPT', 'more than'],
    ['is empty', '', Buffer.alloc(0), 'WALR_SEGMENT_CORRUPT', 'only zeros'],
    ['is another segment', '', segment(three), 'WALR_SEGMENT_CORRUPT', 'starts at 0/300000'],
    ['is of another cluster', '', segment(two, { cluster: 5n }), 'WALR_WRONG_CLUSTER', 'belongs to the cluster 5'],
    ['has a page of another segment', '', spoilt(), 'WALR_SEGMENT_CORRUPT', 'has a page of'],
    ['does not decode', '.zst', Buffer.from('x'), 'WALR_OBJECT_CORRUPT', 'the frame is damaged'],
    ['is cut', '.zst', zstdCompressSync(segment(two)).subarray(0, -9), 'WALR_OBJECT_CORRUPT', 'damaged'],
    ['needs another key', '.aes', segment(two), 'WALR_KEY', 'a1b2'],
    ['needs another codec', '.lz4', segment(two), 'WALR_CONFIG', 'no codec is configured for ".lz4"'],
  ])('that %s is refused, and nothing is at the target', async (_what, suffixes, bytes, code, text) => {
    for (const writing of [[], [zstd], [zstd, wrongKey]]) {
      bench.archive(new CodecPipeline(writing, [zstd, wrongKey]))
      bench.storeSegment(two, bytes, suffixes)
      await bench.expectRefusal(two, code, text)
    }
  })

  it('of another segment size than the archive has is refused', async () => {
    bench.archive(undefined, { walSegmentSize: 16 * SEGMENT })
    bench.hasDirectory = true
    bench.mark(CLUSTER, 16 * SEGMENT)
    bench.put('000000010000000000000009.partial', Buffer.alloc(0))
    bench.storeSegment(two, segment(two))
    await bench.expectRefusal(two, 'WALR_WRONG_SEGMENT_SIZE', 'segments of 1048576 bytes')
  })

  function spoilt(): Buffer {
    const bytes = segment(two)
    segment(three).copy(bytes, 81_920, 81_920, 90_112)
    return bytes
  }
})

describe('the archive says that a file is absent', () => {
  it.each([two, '00000002.history', `${two}.partial`, `${two}.00000028.backup`])(
    'when it has shown its identity: %s',
    async (name) => {
      expect(await bench.restore(name)).toBe('absent')
      expect(bench.storage.count('get', 'identity.json')).toBe(1)
    },
  )

  it('not when later ones are there: it may be on its way', async () => {
    bench.storeSegment(four, segment(four))
    await bench.expectRefusal(two, 'WALR_WAL_GAP', 'later ones of its timeline are')
  })

  it('with a warning when later ones are there and the recovery may end, and with one listing', async () => {
    bench.storeSegment(four, segment(four))
    expect(await bench.restore(two, { atGap: 'end' })).toBe('absent')
    expect(bench.warnings).toEqual([expect.stringContaining('later ones of its timeline are')])
    expect(bench.storage.count('list')).toBe(1)
  })

  it('without a warning when only other timelines or earlier segments are there', async () => {
    bench.storeSegment(one, segment(one))
    bench.storeSegment(four.replace(/^.{8}/, '00000002'), segment(four))
    expect(await bench.restore(two)).toBe('absent')
    expect(bench.warnings).toEqual([])
  })

  it('never without an identity: an empty bucket, a wrong prefix', async () => {
    bench.storage.objects.clear()
    for (const name of [two, '00000002.history']) {
      await bench.expectRefusal(name, 'WALR_ARCHIVE_REFUSED', 'has no "main/7710454860644512687/identity.json"')
    }
  })

  it('never when it is of another cluster', async () => {
    bench.storage.objects.clear()
    bench.archive(undefined, { cluster: 5n })
    await bench.expectRefusal(two, 'WALR_ARCHIVE_WRONG_CLUSTER', 'has WAL of the cluster 5')
  })

  it.each([
    ['{', 'is not an identity object'],
    ['{"format":2}', 'archive format 2'],
    [JSON.stringify({ format: 1, systemIdentifier: '5', walSegmentSize: SEGMENT }), 'system identifier 5'],
    [JSON.stringify({ format: 1, systemIdentifier: CLUSTER.toString(), walSegmentSize: 5 }), 'segments of 5 bytes'],
  ])('never with the identity %s', async (content, text) => {
    bench.store('identity.json', Buffer.from(content))
    await bench.expectRefusal(two, 'WALR_ARCHIVE_WRONG_CLUSTER', text)
  })

  it("never without an identity, also when the receive directory is this cluster's: others may have archived", async () => {
    bench.storage.objects.clear()
    bench.hasDirectory = true
    await bench.expectRefusal(two, 'WALR_DIRECTORY', 'has no WAL')
    bench.mark()
    await bench.expectRefusal(two, 'WALR_ARCHIVE_REFUSED', 'identity.json')
    bench.markArchived()
    await bench.expectRefusal(two, 'WALR_ARCHIVE_REFUSED', 'identity.json')
  })

  it('only while it shows its identity: a volume may be unmounted under a source that lives long', async () => {
    const fetcher = await bench.openFetcher()
    const ask = (name: string): Promise<unknown> => bench.restore(name, { fetcher }).catch((error: unknown) => error)
    expect(await ask('00000002.history')).toBe('absent')
    bench.storage.objects.clear()
    expect(await ask(one)).toMatchObject({ code: 'WALR_ARCHIVE_REFUSED' })
    expect(await ask('00000002.history')).toMatchObject({ code: 'WALR_ARCHIVE_REFUSED' })
    bench.archive()
    expect(await ask(two)).toBe('absent')
    const begunAnew = { format: 1, systemIdentifier: CLUSTER.toString(), walSegmentSize: SEGMENT, archiveId: 'new' }
    bench.store('identity.json', Buffer.from(JSON.stringify(begunAnew)))
    expect(await ask(two)).toMatchObject({ code: 'WALR_ARCHIVE_REPLACED' })
  })

  it('never when it is another archive than the one that the receive directory went to', async () => {
    bench.hasDirectory = true
    bench.mark()
    bench.markArchived('another')
    await bench.expectRefusal(two, 'WALR_ARCHIVE_REPLACED', 'another')
    bench.markArchived()
    expect(await bench.restore(two)).toBe('absent')
  })

  it.each(['Transient', 'Permanent', 'AccessDenied', 'Unsupported'] as const)(
    'never when any of its calls fails with %s',
    async (code) => {
      const expected = code === 'Transient' ? 'WALR_ARCHIVE_UNAVAILABLE' : 'WALR_ARCHIVE_REFUSED'
      for (const name of [two, '00000002.history', `${two}.partial`]) {
        bench.storage.script = () => undefined
        bench.storage.calls.length = 0
        expect(await bench.restore(name)).toBe('absent')
        const calls = bench.storage.calls.length
        for (let failing = 0; failing < calls; failing++) {
          let count = 0
          bench.storage.script = () => {
            if (count++ === failing) throw new StorageError(code, 'the storage says no')
          }
          await bench.expectRefusal(name, expected, 'the storage says no')
        }
      }
    },
  )

  it('neither says nor delivers anything when it is aborted', async () => {
    const stop = new AbortController()
    bench.storage.script = () => stop.abort(new Error('shutting down'))
    bench.storeSegment(two, segment(two))
    for (const name of [two, three]) {
      await expect(bench.restore(name, { signal: stop.signal })).rejects.toThrow('shutting down')
    }
    expect(existsSync(bench.target)).toBe(false)
  })
})

describe('directory and archive together', () => {
  beforeEach(() => {
    bench.hasDirectory = true
    bench.mark()
    bench.markArchived()
  })

  it('ask the archive only for what the directory has not', async () => {
    bench.put(three, segment(three))
    bench.storeSegment(two, segment(two))
    expect(await bench.restore(three)).toBe('delivered')
    expect(bench.storage.calls).toEqual([])
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
  })

  it.each([
    ['is damaged', () => bench.put(two, segment(two).subarray(0, 1000))],
    ['has a damaged page', () => bench.put(two, segment(two).fill(1, 8192, 8200))],
    ['is in a directory of another cluster', () => bench.mark(5n)],
  ])('deliver the archived copy, with a warning, when the local one %s', async (_what, spoil) => {
    spoil()
    bench.storeSegment(two, segment(two))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
    expect(bench.warnings).toEqual([expect.stringContaining('was taken instead')])
  })

  it('deliver from the archive when the directory is not there, and call nothing absent then', async () => {
    bench.storeSegment(two, segment(two))
    const { directory } = bench
    const gone = new RestoreBench()
    gone.recover()
    Object.assign(gone, { directory: `${directory}/gone`, storage: bench.storage, codecs: bench.codecs })
    expect(await gone.restore(two)).toBe('delivered')
    for (const name of [three, '00000002.history']) {
      gone.remove()
      await expect(gone.restore(name)).rejects.toMatchObject({ code: 'WALR_DIRECTORY', hint: 'Look there.' })
    }
  })

  it('say the outage and not the damage: when it is over there may be a good copy', async () => {
    bench.put(two, segment(two).subarray(0, 1000))
    bench.storage.script = () => {
      throw new StorageError('Transient', 'busy')
    }
    await bench.expectRefusal(two, 'WALR_ARCHIVE_UNAVAILABLE', 'busy')
  })

  it('give the open segment when the archive has no later one', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 300_000 }))
    bench.storeSegment(one, segment(one))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(validSegment(two, 300_000))).toBe(true)
  })

  it('never give an open segment when the archive has it finished, or a later one, or is away', async () => {
    bench.put(`${two}.partial`, segment(two, { written: 300_000 }))
    bench.storage.script = () => {
      throw new StorageError('Transient', 'busy')
    }
    await bench.expectRefusal(two, 'WALR_ARCHIVE_UNAVAILABLE', 'busy')
    bench.storage.script = () => undefined
    bench.storeSegment(three, segment(three))
    await bench.expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'later ones of its timeline are in the archive')
    expect(await bench.restore(two, { partial: 'never', atGap: 'end' })).toBe('absent')
    bench.storeSegment(two, segment(two).subarray(0, 10))
    await bench.expectRefusal(two, 'WALR_SEGMENT_CORRUPT', 'too short')
    bench.storeSegment(two, segment(two))
    expect(await bench.restore(two)).toBe('delivered')
    expect(bench.delivered.equals(segment(two))).toBe(true)
  })
})
