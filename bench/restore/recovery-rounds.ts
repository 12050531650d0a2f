import { recover, type RecoveryFigures } from './recovery.ts'
import type { WalBringer } from './wal-bringer.ts'
import { SEGMENT_BYTES, type WalSample } from './wal-sample.ts'

/** All recoveries by one contestant. */
export interface RecoveryResult {
  readonly name: string
  /** One of each round; fewer when it failed. */
  readonly rounds: readonly RecoveryFigures[]
  readonly failure?: string
}

/**
 * Recovers the same cluster by each contestant in turn. Every round begins with another one, so that no one always follows
 * the same. A contestant that fails takes no further part.
 */
export async function benchRecovery(
  sample: WalSample,
  bringers: readonly WalBringer[],
  { rounds, say }: { readonly rounds: number; readonly say: (line: string) => void },
): Promise<readonly RecoveryResult[]> {
  const done = new Map(bringers.map(({ name }) => [name, [] as RecoveryFigures[]]))
  const failures = new Map<string, string>()
  const walBytes = sample.segments.length * SEGMENT_BYTES
  for (let round = 0; round < rounds; round += 1) {
    const first = round % bringers.length
    for (const bringer of [...bringers.slice(first), ...bringers.slice(0, first)]) {
      const { name } = bringer
      if (failures.has(name)) continue
      try {
        const figures = await recover(sample, bringer)
        done.get(name)?.push(figures)
        const rate = (walBytes / figures.recoverySeconds / 1e6).toFixed(0)
        say(`${name}: ${figures.recoverySeconds.toFixed(2)} s, ${rate} MB/s, ${figures.cpuSeconds.toFixed(1)} s CPU`)
      } catch (error) {
        failures.set(name, String(error))
        console.error(error)
      }
    }
  }
  const results = bringers.map(({ name }) => {
    const failure = failures.get(name)
    return { name, rounds: done.get(name) ?? [], ...(failure !== undefined && { failure }) }
  })
  const ends = new Set(results.flatMap((result) => result.rounds.map(({ endLsn }) => endLsn)))
  if (ends.size > 1) throw new Error(`recoveries ended at different positions: ${[...ends].join(' ')}`)
  return results
}
