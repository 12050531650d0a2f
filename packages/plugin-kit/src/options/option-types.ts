import { z } from 'zod'

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** Text that is not empty. */
export const text = z.string('text is expected').min(1, 'it is empty')

/** True or false, also as text: values from the environment are text. */
export const boolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')], {
  error: 'true or false is expected',
})

/** A whole number between two others, them included; also as text. */
export const integer = (min: number, max: number) =>
  z
    .union(
      [
        z.int(),
        z
          .string()
          .regex(/^\d{1,15}$/)
          .transform(Number),
      ],
      { error: 'a whole number is expected' },
    )
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max} is expected`)

/** One of some words. */
export const oneOf = <const T extends readonly [string, ...string[]]>(...words: T) =>
  z.enum(words, { error: `${words.map((word) => `"${word}"`).join(' or ')} is expected` })

/** A number of bytes between two others, them included; as a number, or as text such as `20MiB`. */
export const size = (min: number, max: number) =>
  z
    .union([z.int(), z.string().transform(toBytes)], { error: 'a size such as "20MiB" is expected' })
    .refine((bytes) => bytes >= min && bytes <= max, `a size from ${toText(min)} to ${toText(max)} is expected`)

/** The URL of a server: `http` or `https`, without user, query and fragment. */
export const httpUrl = text.refine(
  isHttpUrl,
  'a URL such as "https://storage.example.com" is expected, without user and query',
)

function toBytes(value: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}) *(|KiB|MiB|GiB)$/.exec(value) ?? []
  return Number(digits) * (UNITS[unit] ?? Number.NaN)
}

function toText(bytes: number): string {
  const [unit, factor] = Object.entries(UNITS).findLast(([, unitBytes]) => bytes % unitBytes === 0) ?? ['', 1]
  return `${bytes / factor}${unit}`
}

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === ''
}
