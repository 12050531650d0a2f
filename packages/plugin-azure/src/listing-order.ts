import { StorageError } from '@walr/core/plugin'

/** A blob, as listed. */
export interface ListedBlob {
  /** The whole of it. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

/** Far more than there are ever names with such letters. */
const MAX_HELD = 100_000
const surrogate = /[\ud800-\udfff]/

/**
 * Passes on, ascending by UTF-8, what comes ascending by UTF-16 (or by UTF-8 already). The two differ only where
 * letters beyond U+FFFF meet others from U+E000 on: UTF-16 puts the former first. So all names are held back that
 * follow one with such a letter and begin like it up to that letter. walr's own keys have none.
 * @throws StorageError Permanent when too many names would have to be held.
 */
export async function* fromUtf16Order(blobs: AsyncIterable<ListedBlob>): AsyncGenerator<ListedBlob, void, undefined> {
  const held: ListedBlob[] = []
  let beginning = ''
  for await (const blob of blobs) {
    if (held.length > 0 && !blob.name.startsWith(beginning)) yield* sorted(held.splice(0))
    if (held.length > 0) held.push(blob)
    else {
      const at = blob.name.search(surrogate)
      if (at === -1) yield blob
      else {
        beginning = blob.name.slice(0, at)
        held.push(blob)
      }
    }
    if (held.length > MAX_HELD) {
      throw new StorageError('Permanent', `more than ${MAX_HELD} names beginning with "${beginning}" cannot be sorted`)
    }
  }
  yield* sorted(held)
}

function sorted(blobs: readonly ListedBlob[]): ListedBlob[] {
  return blobs
    .map((blob) => ({ blob, name: Buffer.from(blob.name) }))
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .map(({ blob }) => blob)
}
