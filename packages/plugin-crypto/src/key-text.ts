import { deriveWrappingKey, KEY_LENGTH } from './wrapping-key.ts'

/** A key of a key ring. */
export interface NamedKey {
  readonly id: string
  readonly bytes: Uint8Array
}

/** What is wrong with a line, without anything that stands in it. */
export interface KeyTextFault {
  /** Counted from 1. */
  readonly line: number
  readonly message: string
}

/** What a text of keys holds. */
export interface KeyText {
  /** In the order of the text. */
  readonly keys: readonly NamedKey[]
  readonly faults: readonly KeyTextFault[]
}

/** What a key id looks like. */
export const keyIdPattern = /^[A-Za-z0-9._-]{1,64}$/

const PREFIX = 'walr-key:'

/**
 * Reads keys from text, one a line: `walr-key:ID:BASE64` with the base64 of 32 bytes. Blank lines and lines that begin
 * with `#` are skipped. A line of nothing but 32 bytes in base64 or hexadecimal is a key without an id; it gets the id
 * `key-` and eight digits that are derived from it, the same wherever it is read. No fault shows what a line holds.
 */
export function parseKeyText(text: string): KeyText {
  const keys = new Map<string, NamedKey>()
  const faults: KeyTextFault[] = []
  for (const [index, untrimmed] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const content = untrimmed.trim()
    if (content === '' || content.startsWith('#')) continue
    const parsed = parseLine(content)
    const message = typeof parsed === 'string' ? parsed : conflict(parsed, keys.get(parsed.id))
    if (message !== undefined) faults.push({ line: index + 1, message })
    else if (typeof parsed !== 'string') keys.set(parsed.id, parsed)
  }
  if (keys.size === 0 && faults.length === 0) faults.push({ line: 1, message: 'there is no key' })
  return { keys: [...keys.values()], faults }
}

function conflict({ id, bytes }: NamedKey, other: NamedKey | undefined): string | undefined {
  if (other === undefined || Buffer.from(bytes).equals(other.bytes)) return undefined
  return `a line before has another key with the id "${id}"`
}

/** The key, or what is wrong with the line. */
function parseLine(line: string): NamedKey | string {
  if (!line.startsWith(PREFIX)) {
    const bytes = parseBytes(line)
    if (typeof bytes !== 'string') return { id: derivedId(bytes), bytes }
    return 'it is neither "walr-key:ID:BASE64" nor just the 32 bytes of a key in base64 or hexadecimal'
  }
  const [id = '', encoded, ...more] = line.slice(PREFIX.length).split(':')
  if (encoded === undefined || more.length > 0) return 'a key has the form "walr-key:ID:BASE64"'
  if (!keyIdPattern.test(id)) return 'the id of a key is 1 to 64 of the characters A-Z a-z 0-9 . _ -'
  const bytes = parseBytes(encoded)
  return typeof bytes === 'string' ? `the key "${id}" ${bytes}` : { id, bytes }
}

/** The 32 bytes, or what is wrong with the text. */
function parseBytes(text: string): Buffer | string {
  const encoding = /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64'
  const bytes = Buffer.from(text, encoding)
  const canonical = bytes.toString('base64').replace(/=+$/, '')
  const given = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  if (encoding === 'base64' && canonical !== given) return 'is not valid base64'
  if (bytes.length !== KEY_LENGTH) return `has ${bytes.length} bytes, not ${KEY_LENGTH}`
  return bytes.every((byte) => byte === bytes[0]) ? 'is a placeholder: all its bytes are the same' : bytes
}

function derivedId(bytes: Uint8Array): string {
  return `key-${deriveWrappingKey('', bytes).checkValue.toString('hex', 0, 4)}`
}
