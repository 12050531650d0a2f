import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { openEarlierPartial, type EarlierPartial } from './earlier-partial.ts'
import { segmentBytes } from './wal-bytes.fixture.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-earlier-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const wal = segmentBytes(5)
async function opened(contents: Uint8Array): Promise<EarlierPartial> {
  const path = join(directory, 'partial.gz')
  writeFileSync(path, gzipSync(contents, { level: 1 }))
  return openEarlierPartial(nodeDisk, path, '.gz')
}

describe('what an earlier run has left', () => {
  it('counts in full while the stream is the same, however that is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200_000), fc.array(fc.nat(300_000), { maxLength: 8 }), async (length, cuts) => {
        const earlier = await opened(wal.subarray(0, length))
        const edges = [0, ...cuts.sort((a, b) => a - b)]
        for (const [index, end] of edges.entries()) {
          const from = edges[index - 1] ?? 0
          await earlier.compare(wal, from, end - from)
          expect(earlier.length).toBe(length)
        }
        await earlier.close()
      }),
      { numRuns: 30 },
    )
  })

  it('no longer counts from where it is something else', async () => {
    const earlier = await opened(Buffer.concat([wal.subarray(0, 1000), Buffer.alloc(50_000, 'stale')]))
    await earlier.compare(wal, 0, 900)
    expect(earlier.length).toBe(51_000)
    await earlier.compare(wal, 900, 300)
    expect(earlier.length).toBeLessThanOrEqual(1000)
    await earlier.compare(wal, 1200, 40_000)
    expect(earlier.length).toBeLessThanOrEqual(1000)
    await earlier.close()
  })

  it('may be closed before, while and after it is read', async () => {
    const earlier = await opened(wal.subarray(0, 1000))
    await earlier.close()
    await earlier.close()
    const other = await opened(wal.subarray(0, 1000))
    await other.compare(wal, 0, 10)
    await other.close()
    expect(other.length).toBe(1000)
  })
})
