/** A length of time. */
export interface Duration {
  readonly ms: number
}

/** Largest first, so that {@link formatDuration} finds the shortest text. */
const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const

/**
 * Reads `500ms`, `30s`, `15m`, `12h` or `7d`: a whole number and a unit, nothing between them. A bare number is seconds,
 * as with pg_receivewal's `--status-interval`.
 * @returns undefined for anything else.
 */
export function parseDuration(value: unknown): Duration | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const match = /^(\d{1,15})(ms|s|m|h|d)?$/.exec(String(value))
  if (match === null) return undefined
  const unit = (match[2] ?? 's') as keyof typeof unitMs
  return { ms: Number(match[1]) * unitMs[unit] }
}

/** The shortest text that {@link parseDuration} reads as this length: `90s`, `7d`, `0s`. */
export function formatDuration({ ms }: Duration): string {
  if (ms === 0) return '0s'
  for (const [unit, length] of Object.entries(unitMs)) {
    if (ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}
