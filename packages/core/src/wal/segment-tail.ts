import { isSwitch, PAGE_HEADER_BYTES, RECORD_ALIGNMENT, RECORD_HEADER_BYTES, RECORD_INFO_AT } from './record-format.ts'
import { LONG_PAGE_HEADER_BYTES } from './page-header.ts'
import { lengthWithoutZeros } from './trailing-zeros.ts'

/**
 * Tells from the last bytes of a segment that are not zero whether it ends before its end. It looks at the end of each chunk
 * only, so that it costs nothing for WAL that goes on to the last page.
 */
export class SegmentTail {
  /** What is before {@link #end}, as long as a record's header. */
  readonly #last: Buffer = Buffer.alloc(RECORD_HEADER_BYTES)
  #position = 0
  /** Behind the last byte that is not zero. */
  #end = 0

  /** To be called with all bytes in order; they are not kept. */
  add(bytes: Uint8Array): void {
    const length = lengthWithoutZeros(bytes)
    if (length > 0) {
      this.#move(this.#position - this.#end)
      const taken = bytes.subarray(Math.max(0, length - this.#last.length), length)
      this.#last.copyWithin(0, taken.length)
      this.#last.set(taken, this.#last.length - taken.length)
      this.#end = this.#position + length
    }
    this.#position += bytes.length
  }

  /** Behind the last byte that is not zero: about where WAL ends. */
  get endOffset(): number {
    return this.#end
  }

  /**
   * Whether there are pages of zeros at the end, and no switch of segments before them: then records are missing, or none had
   * been written yet. False when that cannot be seen in the last bytes alone.
   */
  endsWithoutSwitch(pageSize: number): boolean {
    const inLastPage = ((this.#end - 1) % pageSize) + 1
    if (this.#end === 0 || this.#end - inLastPage + pageSize >= this.#position) return false
    // The page may have the end of a switch that began on the page before it, or, behind a switch, nothing but a header.
    const header = this.#end <= pageSize ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES
    if (inLastPage <= header + RECORD_HEADER_BYTES - RECORD_ALIGNMENT) return false
    return !this.#endsWithSwitch()
  }

  /** The last bytes of the record's checksum may be zeros, too. */
  #endsWithSwitch(): boolean {
    const record = Buffer.alloc(RECORD_HEADER_BYTES)
    const first = this.#end - RECORD_HEADER_BYTES
    for (let start = first + (-first & (RECORD_ALIGNMENT - 1)); start < this.#end; start += RECORD_ALIGNMENT) {
      record.fill(0)
      this.#last.copy(record, 0, start - first)
      if (record.readUInt32LE(0) !== RECORD_HEADER_BYTES) continue
      if (isSwitch(record.readUInt8(RECORD_INFO_AT), record.readUInt8(RECORD_INFO_AT + 1))) return true
    }
    return false
  }

  /** Takes zeros in that were passed over. */
  #move(zeros: number): void {
    if (zeros === 0) return
    this.#last.copyWithin(0, Math.min(zeros, this.#last.length))
    this.#last.fill(0, Math.max(0, this.#last.length - zeros))
  }
}
