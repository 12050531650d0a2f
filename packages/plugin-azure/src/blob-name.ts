import { StorageError } from '@walr/core/plugin'
import { isPathStyle, type AzurePlace } from './place.ts'

/**
 * Azure takes "\" for "/", so it is stored as "[" and this letter, the last one for private use. That keeps the order:
 * "[" comes just before "\", and nothing comes behind this letter.
 */
const MARK = '\u{10fffd}'
const ESCAPED = `[${MARK}`
const fromMarkOn = /[\u{10fffd}-\u{10ffff}]/u

/**
 * The name that an object has behind the prefix of all names.
 * @throws StorageError Permanent for a key that Azure cannot keep.
 */
export function toBlobName(key: string, place: AzurePlace): string {
  if (fromMarkOn.test(key)) throw unfit(key, 'letters from U+10FFFD on are not possible')
  // emulators keep the dot
  if (!isPathStyle(place) && key.split('/').some((part) => part.endsWith('.'))) {
    throw unfit(key, 'it drops a dot before "/" and at the end')
  }
  return escapeName(key)
}

/** As {@link toBlobName}, for the beginning of names. */
export function escapeName(key: string): string {
  return key.replaceAll('\\', ESCAPED)
}

/** The key of the object with this name. */
export function unescapeName(name: string): string {
  return name.replaceAll(ESCAPED, '\\')
}

function unfit(key: string, why: string): StorageError {
  return new StorageError('Permanent', `Azure cannot keep the name "${key}": ${why}`)
}
