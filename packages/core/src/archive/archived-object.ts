import { isCodecError, type Storage } from '../plugins/contract/index.ts'

/** How an object of the archive compares with local bytes. */
export type Comparison = 'equal' | 'different' | 'damaged'

export interface ComparedObject {
  readonly storage: Storage
  readonly key: string
  /** Gives the object's plain bytes. */
  readonly decode: (coded: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>
}

/**
 * Fetches and decodes an object and compares it with `local`, plain byte by plain byte: the same segment encrypted twice
 * differs in all of its coded bytes. `damaged`: what is there does not decode.
 * @throws StorageError, CodecError `WrongKey`: then nobody knows.
 */
export async function compareWithArchived(
  { storage, key, decode }: ComparedObject,
  local: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Comparison> {
  const mine = local[Symbol.asyncIterator]()
  try {
    let have: Uint8Array = new Uint8Array(0)
    for await (const chunk of decode(await storage.get(key, { signal }))) {
      for (let at = 0; at < chunk.length;) {
        if (have.length === 0) {
          const next = await mine.next()
          if (next.done === true) return 'different'
          have = next.value
          continue
        }
        const length = Math.min(have.length, chunk.length - at)
        if (Buffer.compare(have.subarray(0, length), chunk.subarray(at, at + length)) !== 0) return 'different'
        have = have.subarray(length)
        at += length
      }
    }
    if (have.length > 0) return 'different'
    for (;;) {
      const rest = await mine.next()
      if (rest.done === true) return 'equal'
      if (rest.value.length > 0) return 'different'
    }
  } catch (error) {
    if (isCodecError(error, 'Corrupt')) return 'damaged'
    throw error
  } finally {
    await mine.return?.()
  }
}
