import type { OptionDescription } from '@walr/core/plugin'
import { OptionReader } from './option-reader.ts'

/** The options after they were checked. Change these, the descriptions and {@link parseOptions} together. */
export interface RetentionOptions {
  /** How many of the newest backups are kept, whatever their age; at least 1. */
  readonly keepLast: number
  /** What is younger is kept as well, in milliseconds. */
  readonly windowMs: number
}

/** For `walr plugins inspect`. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'keepLast', type: 'integer from 1 to 10000', summary: 'How many of the newest are kept.', default: '3' },
  { name: 'window', type: 'duration', summary: 'Younger ones are kept, too: `12h`, `7d`, `4w`.', default: '7d' },
]

const HOUR_MS = 3_600_000
const UNITS_MS: Readonly<Record<string, number>> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 7 * 24 * HOUR_MS }

/** Checks the entry of walr's configuration. @throws OptionsError with all faults at once. */
export function parseOptions(input: Readonly<Record<string, unknown>>): RetentionOptions {
  const reader = new OptionReader(input, optionDescriptions)
  const keepLast = reader.integer('keepLast', 1, 10_000, 3)
  const [, count, unit] = /^(\d{1,6})([hdw])$/.exec(reader.text('window') ?? '7d') ?? []
  if (count === undefined)
    reader.fault('window', `${reader.shown('window')}, but a duration such as 12h or 7d is expected`)
  reader.finish()
  return { keepLast, windowMs: Number(count) * (UNITS_MS[unit ?? ''] ?? 0) }
}
