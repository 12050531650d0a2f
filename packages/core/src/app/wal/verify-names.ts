import { findMissing, type WantedWal } from '../../archive/missing-wal.ts'
import type { OtherKind, WalCatalogue } from '../../archive/wal-catalogue.ts'
import { isSameWay } from '../../archive/timeline-line.ts'
import { formatLsn } from '../../wal/lsn.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { historyFileName, segmentNumberOf, walFileName } from '../../wal/wal-file-name.ts'
import type { KnownSystem } from './known-wal.ts'
import type { Findings } from './verify-findings.ts'
import { names } from './wal-listing.ts'

/** So many objects of a kind are named, and the others counted. */
const MOST_NAMED = 20

/** What can be told from the names alone, and from histories. */
export function verifyNames(known: KnownSystem, wanted: WantedWal, findings: Findings): void {
  findHoles(known, wanted, findings)
  findHistories(known, wanted, findings)
  for (const catalogue of known.catalogues) {
    findOdd(
      catalogue,
      'odd',
      'has a name that walr does not give',
      'Find out who stored it, and move it away.',
      findings,
    )
    const remedy = 'Compare it with the object of that name (docs/runbooks/archive.md), and remove the wrong one.'
    findOdd(catalogue, 'quarantine', 'is in quarantine: its name was taken by other bytes', remedy, findings)
    findCopies(catalogue, findings)
    findOvertaken(catalogue, known, findings)
  }
}

function findHoles(known: KnownSystem, wanted: WantedWal, findings: Findings): void {
  const place = placesOf(known)
  for (const { timelineId, recorded, ...run } of findMissing(known, wanted)) {
    const { first, last, startLsn, endLsn } = names(timelineId, run, known.walSegmentSize)
    const count = run.end - run.first
    const where = count === 1n ? first : `${first} to ${last}`
    const what = count === 1n ? 'the segment is missing' : `${count} segments are missing`
    const lsn = `${startLsn} to ${endLsn}`
    if (recorded) {
      const remedy = 'Known since it was recorded. A base backup taken after it does not need it.'
      findings.add({ severity: 'warning', place, where, lsn, what: `${what}; the gap is recorded`, remedy })
    } else {
      const remedy =
        'Bring the segments from another copy, or from the server. If there is none, take a new base backup.'
      findings.add({ severity: 'missing', code: 'WALR_WAL_GAP', place, where, lsn, what, remedy })
    }
  }
  const unfinished = known.catalogues.flatMap((catalogue) => catalogue.unfinished)
  const isUnfinished = unfinished.some(({ timelineId }) => timelineId === wanted.timelineId)
  if (wanted.timelineId !== undefined && !isUnfinished && (known.runs.get(wanted.timelineId) ?? []).length === 0) {
    const what = `there is no WAL of timeline ${wanted.timelineId}`
    const remedy = 'Check --timeline: "walr wal list" shows the timelines that there are.'
    findings.add({ severity: 'missing', place, where: `timeline ${wanted.timelineId}`, what, remedy })
  }
  if (known.runs.size === 0 && wanted.timelineId === undefined && (wanted.from ?? wanted.end) !== undefined) {
    const what = 'there is no finished segment, and a range is wanted'
    const remedy = 'Check --from and --to: "walr wal list" shows what there is.'
    findings.add({ severity: 'missing', place, where: 'everywhere', what, remedy })
  }
}

function findHistories(known: KnownSystem, wanted: WantedWal, findings: Findings): void {
  const place = placesOf(known)
  const code = 'WALR_TIMELINE'
  for (const catalogue of known.catalogues) {
    for (const [timelineId, fault] of catalogue.brokenHistories) {
      const remedy = 'Bring the file from pg_wal of a server of that time. Move the damaged one away first.'
      const where = historyFileName(timelineId)
      findings.add({ severity: 'damaged', code, place: catalogue.owner.place, where, what: fault, remedy })
    }
  }
  for (const timelineId of [...known.runs.keys()].sort((a, b) => a - b)) {
    if (timelineId === 1 || (wanted.timelineId !== undefined && wanted.timelineId !== timelineId)) continue
    findHistoryOf(known, timelineId, place, findings)
  }
}

function findHistoryOf(known: KnownSystem, timelineId: TimelineId, place: string, findings: Findings): void {
  const code = 'WALR_TIMELINE'
  const where = historyFileName(timelineId)
  const holders = known.catalogues.filter((catalogue) => catalogue.histories.has(timelineId))
  const isBroken = known.catalogues.some((catalogue) => catalogue.brokenHistories.has(timelineId))
  const [holder] = holders
  if (!holder) {
    if (isBroken) return
    const what = `timeline ${timelineId} has segments, and its history is missing`
    const remedy =
      'Without it nobody can recover into that timeline. Bring the file from pg_wal of a server of that time.'
    findings.add({ severity: 'missing', code, place, where, what, remedy })
    return
  }
  const history = holder.historyOf(timelineId)
  const remedy = 'Two servers were promoted to the same timeline. Find out which of the two the segments are of.'
  for (const other of holders.slice(1)) {
    if (isSameWay(history, other.historyOf(timelineId))) continue
    findings.add({ severity: 'warning', code, place, where, what: `the copies of the history differ`, remedy })
  }
  for (const [index, ancestor] of history.entries()) {
    const theirs = known.historyOf(ancestor.timelineId)
    if (theirs.length === 0 || isSameWay(history.slice(0, index), theirs)) continue
    const what = `tells of another way of timeline ${ancestor.timelineId} than "${historyFileName(ancestor.timelineId)}"`
    findings.add({ severity: 'warning', code, place, where, what, remedy })
  }
  const parent = history.at(-1)
  const first = known.runs.get(timelineId)?.[0]?.first
  const begin = parent && segmentNumberOf(parent.switchLsn, known.walSegmentSize)
  if (parent && first !== undefined && begin !== undefined && first < begin) {
    findings.add({
      ...{ severity: 'warning', place, where: walFileName(timelineId, first, known.walSegmentSize) },
      what: `is before ${formatLsn(parent.switchLsn)}, where timeline ${timelineId} begins by its history`,
      remedy: 'Nobody reads it. Find out where it came from: the history may be of another server.',
    })
  }
}

function findOdd(catalogue: WalCatalogue, kind: OtherKind, what: string, remedy: string, findings: Findings): void {
  const found = catalogue.others.get(kind)
  if (!found) return
  const { place } = catalogue.owner
  for (const where of found.names.slice(0, MOST_NAMED))
    findings.add({ severity: 'warning', place, where, what, remedy })
  const more = found.count - Math.min(found.names.length, MOST_NAMED)
  if (more > 0) findings.add({ severity: 'warning', place, where: `${more} more objects`, what, remedy })
}

function findCopies(catalogue: WalCatalogue, findings: Findings): void {
  const { place, walSegmentSize } = catalogue.owner
  for (const [timelineId, table] of catalogue.timelines) {
    const count = table.objectCount - table.segmentCount
    if (count === 0) continue
    const example = firstCopied(catalogue, timelineId)
    findings.add({
      ...{ severity: 'warning', place },
      where: example === undefined ? `timeline ${timelineId}` : walFileName(timelineId, example, walSegmentSize),
      what: `${count === 1 ? 'a segment is' : `${count} segments are`} there under several suffixes, this one first`,
      remedy: 'Each of them is complete. It costs room only; it comes from a change of codecs.',
    })
  }
}

function firstCopied(catalogue: WalCatalogue, timelineId: TimelineId): bigint | undefined {
  const table = catalogue.timelines.get(timelineId)
  for (const run of table?.runs ?? []) {
    for (const { segmentNumber, copies } of table?.segments(run) ?? []) if (copies.length > 1) return segmentNumber
  }
  return undefined
}

/** An open segment that later ones have overtaken, in a receive directory. */
function findOvertaken(catalogue: WalCatalogue, known: KnownSystem, findings: Findings): void {
  const { place } = catalogue.owner
  if (place === 'archive') return
  for (const { name, timelineId, segmentNumber } of catalogue.unfinished) {
    const newest = known.runs.get(timelineId)?.at(-1)
    if (newest === undefined || newest.end <= segmentNumber) continue
    const isThere = known.runs.get(timelineId)?.some((run) => run.first <= segmentNumber && segmentNumber < run.end)
    findings.add({
      ...{ severity: 'warning', place, where: name },
      what: `is unfinished, and ${isThere === true ? 'the finished segment is there, too' : 'later segments are there'}`,
      remedy: isThere === true ? 'It can be removed.' : 'Let walr receive the segment again.',
    })
  }
}

/** All places of a system, for what concerns them together. */
function placesOf({ catalogues }: KnownSystem): string {
  return catalogues.map(({ owner }) => owner.place).join(' and ')
}
