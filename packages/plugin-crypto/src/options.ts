import { nearestName, OptionsError, type OptionDescription, type OptionFault } from '@walr/core/plugin'
import { z } from 'zod'
import { commandWords } from './command-words.ts'
import { CHUNK_SIZE_LOG2 } from './header-format.ts'
import { keyIdPattern, parseKeyText } from './key-text.ts'

/** Where the key or passphrase of new objects comes from. */
export type KeySource =
  | { readonly option: 'key' | 'passphrase'; readonly text: string }
  | { readonly option: 'keyFile' | 'passphraseFile'; readonly path: string }
  | { readonly option: 'keyCommand'; readonly words: readonly string[]; readonly timeoutMs: number }

/** The options of the plugin, checked. */
export interface CryptoOptions {
  readonly source: KeySource
  /** Undefined: the first key of the source; of a passphrase, `passphrase`. */
  readonly keyId: string | undefined
  /** Key text. */
  readonly oldKeys: string | undefined
  readonly oldPassphrases: readonly string[]
  /** In bytes. */
  readonly chunkSize: number
}

/** The options for the reader; the README has the same table. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'key', type: 'string', summary: 'the key, or several, one a line', secret: true },
  { name: 'keyFile', type: 'path', summary: 'file with the key, or several, one a line' },
  {
    name: 'keyCommand',
    type: 'list of strings, or string',
    summary: 'program that prints the key, or several',
    secret: true,
  },
  { name: 'keyCommandTimeoutMs', type: 'integer', summary: 'how long the program may take', default: '30000' },
  { name: 'passphrase', type: 'string', summary: 'passphrase instead of a key', secret: true },
  { name: 'passphraseFile', type: 'path', summary: 'file with the passphrase' },
  { name: 'keyId', type: 'string', summary: 'id of the key that encrypts new objects', default: 'the first key' },
  { name: 'oldKeys', type: 'string, or list of strings', summary: 'further keys, for reading only', secret: true },
  {
    name: 'oldPassphrases',
    type: 'string, or list of strings',
    summary: 'further passphrases, for reading only',
    secret: true,
  },
  { name: 'chunkSize', type: 'integer', summary: 'bytes that are encrypted at once, a power of two', default: '65536' },
]

/** The options of which exactly one must be given. */
const SOURCES = ['key', 'keyFile', 'keyCommand', 'passphrase', 'passphraseFile'] as const
const SMALLEST_CHUNK = 2 ** CHUNK_SIZE_LOG2.min
const LARGEST_CHUNK = 2 ** CHUNK_SIZE_LOG2.max
const SHORTEST_PASSPHRASE = 12

const text = z.string('expected text').min(1, { error: 'is empty', abort: true })
/** Values from the environment are strings. */
const integer = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)], 'expected a whole number')
const keys = text.superRefine((value, context) => {
  for (const { line, message } of parseKeyText(value).faults) {
    context.addIssue({ code: 'custom', message: `line ${line}: ${message}` })
  }
})
const list = (item: typeof text) =>
  z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(item))

const schema = z.strictObject({
  key: keys.optional(),
  keyFile: text.optional(),
  keyCommand: z
    .unknown()
    .transform((value, context) => {
      const words = commandWords(value)
      if (typeof words !== 'string') return words
      context.addIssue({ code: 'custom', message: words })
      return z.NEVER
    })
    .optional(),
  keyCommandTimeoutMs: integer.refine((ms) => ms >= 1 && ms <= 600_000, 'expected 1 to 600000').default(30_000),
  passphrase: text.refine((value) => isLongEnough(value), `shorter than ${SHORTEST_PASSPHRASE} characters`).optional(),
  passphraseFile: text.optional(),
  keyId: text.regex(keyIdPattern, 'expected 1 to 64 of the characters A-Z a-z 0-9 . _ -').optional(),
  oldKeys: list(keys).optional(),
  oldPassphrases: list(text).default([]),
  chunkSize: integer
    .refine(isChunkSize, `expected a power of two from ${SMALLEST_CHUNK} to ${LARGEST_CHUNK}`)
    .default(65_536),
})
type Parsed = z.output<typeof schema>

/** True for a passphrase that is worth stretching. */
export function isLongEnough(passphrase: string): boolean {
  return Array.from(passphrase).length >= SHORTEST_PASSPHRASE
}

/**
 * Checks the options of the configuration. No fault shows a key or a passphrase.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): CryptoOptions {
  const parsed = schema.safeParse(input)
  const faults = [...sourceFaults(input), ...(parsed.error?.issues ?? []).flatMap(toFaults)]
  if (!parsed.success || faults.length > 0) throw new OptionsError(faults)
  const { keyId, oldKeys, oldPassphrases, chunkSize } = parsed.data
  return { source: sourceOf(parsed.data), keyId, oldKeys: oldKeys?.join('\n'), oldPassphrases, chunkSize }
}

function sourceFaults(input: Readonly<Record<string, unknown>>): readonly OptionFault[] {
  const given = SOURCES.filter((name) => input[name] !== undefined)
  if (given.length === 1) return []
  const names = SOURCES.map((name) => `"${name}"`).join(', ')
  const received = given.length === 0 ? 'none is there' : `there are ${given.map((name) => `"${name}"`).join(' and ')}`
  return [{ path: '', message: `exactly one of ${names} is needed; ${received}` }]
}

function sourceOf(options: Parsed): KeySource {
  const { key, keyFile, keyCommand, keyCommandTimeoutMs, passphrase, passphraseFile } = options
  if (key !== undefined) return { option: 'key', text: key }
  if (keyFile !== undefined) return { option: 'keyFile', path: keyFile }
  if (keyCommand !== undefined) return { option: 'keyCommand', words: keyCommand, timeoutMs: keyCommandTimeoutMs }
  if (passphrase !== undefined) return { option: 'passphrase', text: passphrase }
  return { option: 'passphraseFile', path: passphraseFile ?? '' }
}

function toFaults(issue: z.core.$ZodIssue): readonly OptionFault[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }]
  return issue.keys.map((name) => {
    const nearest = nearestName(name, Object.keys(schema.shape))
    return { path: name, message: `unknown option${nearest === undefined ? '' : `; did you mean "${nearest}"?`}` }
  })
}

function isChunkSize(size: number): boolean {
  return size >= SMALLEST_CHUNK && size <= LARGEST_CHUNK && Number.isInteger(Math.log2(size))
}
