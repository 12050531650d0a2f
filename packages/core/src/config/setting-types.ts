import { z } from 'zod'
import { isConnectionKeyword } from './libpq/connection-keywords.ts'
import { parseConnectionString } from './libpq/connection-string.ts'
import { parseDuration, type Duration } from './duration.ts'
import { isSection } from './config-tree.ts'

/**
 * A type of values that may also come as text, from a variable.
 * @param expected completes "must be ...".
 * @param parse returns undefined for a value that is none of the type.
 */
export function parsedBy<T>(expected: string, parse: (value: unknown) => T | undefined): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const parsed = parse(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: `must be ${expected}` })
    return z.NEVER
  })
}

/** Text that matches a pattern. */
export function text(expected: string, pattern = /^[^\0]+$/): z.ZodType<string> {
  return parsedBy(expected, (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined))
}

/** As {@link text}, but a bare number in the file is text, too. */
export function textOrNumber(expected: string): z.ZodType<string> {
  return parsedBy(expected, (value) => {
    if (typeof value === 'number') return String(value)
    return typeof value === 'string' && value !== '' ? value : undefined
  })
}

export function boolean(): z.ZodType<boolean> {
  const words: Readonly<Record<string, boolean>> = {
    true: true,
    on: true,
    yes: true,
    false: false,
    off: false,
    no: false,
  }
  return parsedBy('true or false', (value) => (typeof value === 'boolean' ? value : words[String(value)]))
}

export function wholeNumber(minimum: number, maximum: number): z.ZodType<number> {
  return parsedBy(`a whole number from ${minimum} to ${maximum}`, (value) => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    const fits = typeof number === 'number' && Number.isInteger(number) && number >= minimum && number <= maximum
    return fits ? number : undefined
  })
}

/** A length of time up to `maximum`, which is written as the user would. */
export function duration(maximum: string): z.ZodType<Duration> {
  const maximumMs = parseDuration(maximum)?.ms ?? 0
  return parsedBy(`a duration such as 500ms, 30s, 15m, 12h or 7d, at most ${maximum}`, (value) => {
    const parsed = parseDuration(value)
    return parsed !== undefined && parsed.ms <= maximumMs ? parsed : undefined
  })
}

export function oneOf<T extends string>(...choices: readonly T[]): z.ZodType<T> {
  const expected = choices.map((choice) => `"${choice}"`).join(' or ')
  return parsedBy(expected, (value) => choices.find((choice) => choice === value))
}

/** A connection string or URI, or libpq's keywords with texts and numbers. Wrong keywords are left to the caller. */
export function connection(): z.ZodType<string | Record<string, string | number>> {
  return z.unknown().transform((value, context) => {
    const fault = (message: string, path: string[] = []): never => {
      context.addIssue({ code: 'custom', message, path })
      return z.NEVER
    }
    if (typeof value === 'string') {
      try {
        parseConnectionString(value)
        return value
      } catch (error) {
        return fault(error instanceof Error ? error.message : String(error))
      }
    }
    if (!isSection(value)) return fault("must be a connection string, or a section of libpq's keywords")
    const keywords: Record<string, string | number> = {}
    for (const [keyword, setting] of Object.entries(value)) {
      if (!isConnectionKeyword(keyword)) context.addIssue({ code: 'unrecognized_keys', keys: [keyword], input: value })
      else if (typeof setting === 'string' || typeof setting === 'number') keywords[keyword] = setting
      else if (typeof setting === 'boolean')
        fault('must be text or a number; true and false are 1 and 0 here', [keyword])
      else fault('must be text or a number', [keyword])
    }
    return keywords
  })
}
