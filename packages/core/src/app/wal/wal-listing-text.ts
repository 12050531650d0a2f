import type { OtherKind } from '../../archive/wal-catalogue.ts'
import { printableLine } from '../../telemetry/printable-text.ts'
import { textTable } from '../plugins/text-table.ts'
import { bytesText } from './byte-text.ts'
import type { ListedCatalogue, ListedTimeline, WalListing } from './wal-listing.ts'

const otherNames: Readonly<Record<OtherKind, string>> = {
  gap: 'gap records',
  quarantine: 'in quarantine',
  partial: 'unfinished segments',
  'backup-history': 'backup history files',
  backup: 'objects of backups',
  tail: 'tails',
  odd: 'names that walr does not give',
  other: 'in unknown folders',
}

/** What a person reads of `walr wal list`. */
export function listingText({ places, totals }: WalListing): string {
  if (places.length === 0) return 'no WAL was found'
  const segments = `${totals.segments} ${totals.segments === 1 ? 'segment' : 'segments'}`
  const total = `total: ${segments}, ${bytesText(totals.storedBytes)} stored, ${bytesText(totals.plainBytes)} of WAL`
  return [...places.map(catalogueText), total].join('\n\n')
}

function catalogueText(catalogue: ListedCatalogue): string {
  const { place, systemIdentifier, walSegmentSize, timelines, others } = catalogue
  const kinds = (Object.keys(otherNames) as OtherKind[]).flatMap((kind) => {
    const found = others[kind]
    return found ? [`${otherNames[kind]}: ${found.count} (${bytesText(found.storedBytes)})`] : []
  })
  return [
    printableLine(`${place}: system ${systemIdentifier}, segments of ${bytesText(walSegmentSize)}`),
    timelines.length === 0 ? 'no segments' : textTable([header, ...timelines.flatMap(timelineRows)]),
    ...kinds,
  ].join('\n')
}

const header = ['TIMELINE', 'FROM', 'FIRST', 'LAST', 'LSN', 'SEGMENTS', 'STORED', 'PLAIN', ''] as const

function timelineRows(timeline: ListedTimeline): readonly (readonly string[])[] {
  const { timelineId, parentTimelineId, switchLsn, ranges, gaps, history } = timeline
  const from = parentTimelineId === null ? '' : `${parentTimelineId} at ${switchLsn ?? ''}`
  const note = history === 'missing' ? 'history is missing' : history === 'broken' ? 'history is damaged' : ''
  const rows = [
    ...ranges.map(({ first, last, startLsn, endLsn, segments, storedBytes, plainBytes }) => ({
      first,
      cells: [first, last, `${startLsn} to ${endLsn}`, String(segments), bytesText(storedBytes), bytesText(plainBytes)],
      note: '',
    })),
    ...gaps.map(({ first, last, startLsn, endLsn, segments, recorded }) => ({
      first,
      cells: [first, last, `${startLsn} to ${endLsn}`, String(segments), '', ''],
      note: recorded ? 'MISSING, recorded as a gap' : 'MISSING',
    })),
  ].sort((a, b) => (a.first < b.first ? -1 : 1))
  if (rows.length === 0) return [[String(timelineId), from, '', '', '', '0', '', '', note]]
  return rows.map((row, index) => [
    index === 0 ? String(timelineId) : '',
    index === 0 ? from : '',
    ...row.cells,
    [index === 0 ? note : '', row.note].filter((text) => text !== '').join('; '),
  ])
}
