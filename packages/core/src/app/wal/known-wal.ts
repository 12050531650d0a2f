import type { KnownWal } from '../../archive/missing-wal.ts'
import { unitedRuns } from '../../archive/missing-wal.ts'
import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import type { SystemIdentifier } from '../../wal/system-identifier.ts'

/** All that is known of one system, in whatever place. */
export interface KnownSystem extends KnownWal {
  readonly systemIdentifier: SystemIdentifier
  readonly catalogues: readonly WalCatalogue[]
}

/** Puts the catalogues of each system together. */
export function knownSystems(catalogues: readonly WalCatalogue[]): readonly KnownSystem[] {
  const systems = new Map<string, WalCatalogue[]>()
  for (const catalogue of catalogues) {
    const { systemIdentifier, walSegmentSize } = catalogue.owner
    const key = `${systemIdentifier} ${walSegmentSize}`
    systems.set(key, [...(systems.get(key) ?? []), catalogue])
  }
  return [...systems.values()].map(knownSystem)
}

function knownSystem(catalogues: readonly WalCatalogue[]): KnownSystem {
  const [first] = catalogues
  if (!first) throw new Error('a system without a catalogue')
  const timelines = new Set(catalogues.flatMap((catalogue) => [...catalogue.timelines.keys()]))
  const runsOf = (timelineId: TimelineId): ReturnType<typeof unitedRuns> =>
    unitedRuns(catalogues.map((catalogue) => catalogue.timelines.get(timelineId)?.runs ?? []))
  return {
    ...first.owner,
    catalogues,
    runs: new Map([...timelines].map((timelineId) => [timelineId, runsOf(timelineId)])),
    historyOf: (timelineId) =>
      catalogues.find((catalogue) => catalogue.histories.has(timelineId))?.historyOf(timelineId) ?? [],
    histories: [...new Set(catalogues.flatMap((catalogue) => [...catalogue.histories.keys()]))],
    gaps: catalogues.flatMap((catalogue) => catalogue.gaps),
  }
}
