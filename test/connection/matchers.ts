import { expect } from 'vitest'

/** As `expect.stringContaining`, whose type would be any. */
export function containing(text: string): unknown {
  return expect.stringContaining(text)
}

/** As `expect.stringMatching`, whose type would be any. */
export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern)
}
