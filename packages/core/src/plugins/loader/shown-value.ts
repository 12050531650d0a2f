import { inspect } from 'node:util'

/** Any value as it may stand in a message about what was received; on one line, and short. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80 })
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
