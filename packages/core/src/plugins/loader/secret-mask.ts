import type { OptionDescription } from '../contract/index.ts'

const MASK = '********'
/** Shorter values are parts of too many other words. */
const MIN_LENGTH = 4

/** Hides the secrets of a plugin's entry in any text about it (law 9). */
export type SecretMask = (text: string) => string

/** @param options of the entry, as configured; `descriptions` tell which of them are secret. */
export function secretMask(
  descriptions: readonly OptionDescription[],
  options: Readonly<Record<string, unknown>>,
): SecretMask {
  const secrets = descriptions
    .filter(({ secret }) => secret === true)
    .flatMap(({ name }) => textsAt(options, name.split('.')))
    .filter((text) => text.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length)
  return (text) => secrets.reduce((masked, secret) => masked.replaceAll(secret, MASK), text)
}

/** All texts and numbers at or below a path; lists are gone through. */
function textsAt(value: unknown, path: readonly string[]): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each) => textsAt(each, path))
  if (typeof value === 'string' || typeof value === 'number') return path.length === 0 ? [String(value)] : []
  if (typeof value !== 'object' || value === null) return []
  const [name, ...rest] = path
  return Object.entries(value).flatMap(([key, below]) =>
    name === undefined || key === name ? textsAt(below, rest) : [],
  )
}
