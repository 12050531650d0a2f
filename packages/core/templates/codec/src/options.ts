import type { OptionDescription } from '@walr/core/plugin'
import { OptionReader } from './option-reader.ts'

/** The options after they were checked. Change these, the descriptions and {@link parseOptions} together. */
export interface CodecOptions {
  readonly quality: number
}

/** For `walr plugins inspect`, and so that secrets are masked: mark keys and passphrases with `secret: true`. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'quality', type: 'integer from 0 to 11', summary: 'Higher is smaller and slower.', default: '4' },
]

/** Checks the entry of walr's configuration. @throws OptionsError with all faults at once. */
export function parseOptions(input: Readonly<Record<string, unknown>>): CodecOptions {
  const reader = new OptionReader(input, optionDescriptions)
  const quality = reader.integer('quality', 0, 11, 4)
  reader.finish()
  return { quality }
}
