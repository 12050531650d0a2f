/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (upper === undefined || lower === undefined) throw new Error('median of nothing')
  return (lower + upper) / 2
}

/** The value below which this share (0 to 1) of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The mean. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Two measurements that were taken one directly after the other. */
export interface Pair<T> {
  readonly base: T
  readonly subject: T
}

/** Measures in the order base subject, subject base, base subject..., so that a drift of the machine hits both alike. */
export async function alternate<T>(
  pairs: number,
  measureBase: () => Promise<T>,
  measureSubject: () => Promise<T>,
): Promise<readonly Pair<T>[]> {
  const results: Pair<T>[] = []
  for (let number = 0; number < pairs; number++) {
    if (number % 2 === 0) {
      const base = await measureBase()
      results.push({ base, subject: await measureSubject() })
    } else {
      const subject = await measureSubject()
      results.push({ base: await measureBase(), subject })
    }
  }
  return results
}

/** Median over the pairs of a figure of the subject divided by the same figure of the base. */
export function medianRatio<T>(pairs: readonly Pair<T>[], figure: (value: T) => number): number {
  return median(pairs.map(({ base, subject }) => figure(subject) / figure(base)))
}
