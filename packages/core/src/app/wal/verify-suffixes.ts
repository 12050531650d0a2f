import type { SegmentTable } from '../../archive/segment-table.ts'
import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import { isWalrError } from '../../errors/walr-error.ts'
import { walFileName } from '../../wal/wal-file-name.ts'
import { archiveEntries } from '../archive/open-archive.ts'
import type { Findings } from './verify-findings.ts'
import { loaderOf, type WalContext, type WalPlaces } from './wal-places.ts'

/** Of the codecs that are there without being configured. */
const BUILTIN_SUFFIXES = ['.zst', '.gz'] as const

/**
 * The suffixes that codecs of the configuration have.
 * @returns undefined when codecs cannot be opened: a machine that only watches names needs no keys, and then nobody knows.
 */
export async function codecSuffixes(
  archive: NonNullable<WalPlaces['archive']>,
  { logger, signal }: WalContext,
): Promise<ReadonlySet<string> | undefined> {
  const loader = loaderOf(archive, logger, signal)
  const { codecs, readCodecs } = archiveEntries(archive.archive)
  try {
    const opened = await Promise.all([...codecs, ...readCodecs].map((entry) => loader.openCodec(entry)))
    return new Set([...BUILTIN_SUFFIXES, ...opened.map(({ suffix }) => suffix)])
  } catch (error) {
    signal.throwIfAborted()
    if (isWalrError(error)) return undefined
    throw error
  }
}

/** Segments of an archive no copy of which can be decoded, as their names tell. */
export function findUndecodable(catalogue: WalCatalogue, suffixes: ReadonlySet<string>, findings: Findings): void {
  const { place, walSegmentSize } = catalogue.owner
  for (const [timelineId, table] of catalogue.timelines) {
    const { first, count } = undecodable(table, suffixes)
    if (first === undefined) continue
    findings.add({
      ...{ severity: 'unchecked', code: 'WALR_CONFIG', place, where: walFileName(timelineId, first, walSegmentSize) },
      what: `${count === 1 ? 'a segment is' : `${count} segments are`} there only under suffixes that no codec has`,
      remedy:
        'Configure the codec in archive.readCodecs, or find out who gave the name. The first of them is named here.',
    })
  }
}

function undecodable(
  table: SegmentTable,
  suffixes: ReadonlySet<string>,
): { readonly first: bigint | undefined; readonly count: number } {
  const isKnown = (text: string): boolean => (text.match(/\.[^.]*/g) ?? []).every((suffix) => suffixes.has(suffix))
  const known = new Set([...table.suffixes].filter(isKnown))
  let first: bigint | undefined
  let count = 0
  if (known.size === table.suffixes.size) return { first, count }
  for (const run of table.runs) {
    for (const { segmentNumber, copies } of table.segments(run)) {
      if (copies.some((copy) => known.has(copy.suffixes))) continue
      first ??= segmentNumber
      count += 1
    }
  }
  return { first, count }
}
