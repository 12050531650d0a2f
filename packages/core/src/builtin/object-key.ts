const MAX_KEY_BYTES = 512
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/

/** What makes `key` no storage key, as a part of a sentence after "it"; undefined when it is one. */
export function objectKeyFault(key: string): string | undefined {
  if (key === '') return 'is empty'
  return textFault(key) ?? partFault(key.split('/'))
}

/** What makes `prefix` none that a key could begin with; undefined when there is nothing. An empty one is fine. */
export function keyPrefixFault(prefix: string): string | undefined {
  return textFault(prefix) ?? partFault(prefix.split('/').slice(0, -1))
}

function textFault(text: string): string | undefined {
  if (!text.isWellFormed()) return 'is not valid Unicode'
  if (controlCharacter.test(text)) return 'has a control character'
  if (Buffer.byteLength(text) > MAX_KEY_BYTES) return `is longer than ${MAX_KEY_BYTES} bytes`
  return undefined
}

function partFault(parts: readonly string[]): string | undefined {
  if (parts.includes('')) return 'has an empty part'
  if (parts.includes('.') || parts.includes('..')) return 'has a part "." or ".."'
  return undefined
}
