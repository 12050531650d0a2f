import { isCodecError } from '../plugins/contract/index.ts'
import type { Lsn } from '../wal/lsn.ts'
import { LONG_PAGE_HEADER_BYTES } from '../wal/page-header.ts'
import { RecordScanner } from '../wal/record-scanner.ts'
import type { ComparedObject, Comparison } from './archived-object.ts'

/**
 * Compares as `compareWithArchived` does, but only as far as the records of the local bytes go: two servers have other
 * leftovers behind them. More records in the archive are fine, too.
 */
export function compareRecords(startLsn: Lsn) {
  return async (
    { storage, key, decode }: ComparedObject,
    local: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Comparison> => {
    const records = new RecordScanner({ startLsn })
    let equal = 0
    let isEqual = true
    const theirs = decode(await storage.get(key, { signal }))[Symbol.asyncIterator]()
    try {
      let have: Uint8Array = new Uint8Array(0)
      for await (const chunk of local) {
        records.add(chunk)
        for (let at = 0; isEqual && at < chunk.length;) {
          if (have.length === 0) {
            const next = await theirs.next()
            if (next.done === true) return 'different'
            have = next.value
            continue
          }
          const length = Math.min(have.length, chunk.length - at)
          const same = equalBytes(have.subarray(0, length), chunk.subarray(at, at + length))
          isEqual = same === length
          equal += same
          have = have.subarray(length)
          at += length
        }
      }
      // Whether it decodes is known at its end.
      for (let next = await theirs.next(); next.done !== true;) next = await theirs.next()
    } catch (error) {
      if (isCodecError(error, 'Corrupt')) return 'damaged'
      throw error
    } finally {
      await theirs.return?.()
    }
    // Where no record was recognised, only all bytes will do.
    const { validEndOffset } = records
    return isEqual || (validEndOffset > LONG_PAGE_HEADER_BYTES && equal >= validEndOffset) ? 'equal' : 'different'
  }
}

/** How many bytes two pieces of one length have in common at their beginning. */
function equalBytes(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) return one.length
  return one.findIndex((byte, index) => byte !== other[index])
}
