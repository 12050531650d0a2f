import { expect, it } from 'vitest'
import { WalCatalogue } from '../../archive/wal-catalogue.ts'
import { isWalFileName } from '../../wal/wal-file-name.ts'
import { CLUSTER, SEGMENT, segmentName } from '../../wal/wal-bytes.fixture.ts'
import { Findings } from './verify-findings.ts'
import { findUndecodable } from './verify-suffixes.ts'

function found(...objects: readonly (readonly [number, string])[]): Findings {
  const catalogue = new WalCatalogue({
    place: 'archive',
    systemIdentifier: CLUSTER,
    walSegmentSize: SEGMENT,
    id: 'one',
  })
  for (const [number, suffixes] of objects) {
    const name = segmentName(number)
    if (isWalFileName(name)) catalogue.addSegment(name, suffixes, 1, new Date(0))
  }
  const findings = new Findings()
  findUndecodable(catalogue, new Set(['.zst', '.aes']), findings)
  return findings
}

it('takes no segment for one that is there when no codec has the suffix of any copy', () => {
  expect(found([1, ''], [2, '.zst'], [3, '.zst.aes'], [4, '.bak'], [4, '.zst']).all).toEqual([])
  expect(found([1, ''], [2, '.bak'], [2, '.lzma'], [3, '.zst.old'], [4, '']).all).toMatchObject([
    { severity: 'unchecked', where: segmentName(2), what: expect.stringContaining('2 segments') as string },
  ])
})
