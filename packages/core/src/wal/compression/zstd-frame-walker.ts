import { MalformedInput } from './decode-fault.ts'

const MAGIC = 0xfd2f_b528
const dictionaryIdBytes = [0, 1, 2, 4] as const
const contentSizeBytes = [0, 2, 4, 8] as const
type Element = 'descriptor' | 'header' | 'block-header' | 'block' | 'checksum' | 'end'

/**
 * Follows the structure of one zstd frame (RFC 8878, section 3.1.1) without decoding it, so that the end of each block and
 * of the frame are known: node:zlib ignores what follows a frame in the same chunk.
 */
export class ZstdFrameWalker {
  #element: Element = 'descriptor'
  #remaining = 5
  /** The first bytes of the current element; as many as the longest one that is looked into. */
  readonly #field: Uint8Array = new Uint8Array(5)
  #have = 0
  #hasChecksum = false
  #lastBlock = false

  /** Whether the whole frame was seen. */
  isFinished(): boolean {
    return this.#element === 'end'
  }

  /**
   * Goes on from `bytes[from]` to the end of a block, header or frame.
   * @returns the index behind it, or `bytes.length` when it is not reached; `from` itself when the frame was finished.
   * @throws MalformedInput when this cannot be a zstd frame.
   */
  walk(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.length && !this.isFinished()) {
      const taken = Math.min(this.#remaining, bytes.length - at)
      this.#remember(bytes, at, taken)
      this.#remaining -= taken
      at += taken
      if (this.#remaining === 0 && this.#advance()) return at
    }
    return at
  }

  #remember(bytes: Uint8Array, at: number, taken: number): void {
    const kept = Math.min(taken, this.#field.length - this.#have)
    this.#field.set(bytes.subarray(at, at + kept), this.#have)
    this.#have += kept
  }

  /** @returns whether a decoder may have more to give now. */
  #advance(): boolean {
    const view = new DataView(this.#field.buffer)
    switch (this.#element) {
      case 'descriptor': {
        if (view.getUint32(0, true) !== MAGIC) throw new MalformedInput('it is not a zstd frame')
        this.#enter('header', this.#headerBytes(view.getUint8(4)))
        return false
      }
      case 'header':
        this.#enter('block-header', 3)
        return true
      case 'block-header':
        return this.#enterBlock(view.getUint16(0, true) | (view.getUint8(2) << 16))
      case 'block':
        this.#leaveBlock()
        return true
      case 'checksum':
      case 'end':
        this.#enter('end', 0)
        return true
    }
  }

  #headerBytes(descriptor: number): number {
    if ((descriptor & 0b1000) !== 0) throw new MalformedInput('its frame header has a reserved bit')
    this.#hasChecksum = (descriptor & 0b100) !== 0
    const singleSegment = (descriptor & 0b10_0000) !== 0
    const sizeBytes = contentSizeBytes[(descriptor >> 6) as 0 | 1 | 2 | 3]
    const dictionaryBytes = dictionaryIdBytes[(descriptor & 0b11) as 0 | 1 | 2 | 3]
    return dictionaryBytes + (singleSegment ? Math.max(1, sizeBytes) : 1 + sizeBytes)
  }

  #enterBlock(header: number): boolean {
    this.#lastBlock = (header & 1) !== 0
    const type = (header >> 1) & 3
    if (type === 3) throw new MalformedInput('it has a block of a reserved type')
    const size = type === 1 ? 1 : header >> 3
    if (size > 0) this.#enter('block', size)
    else this.#leaveBlock()
    return size === 0 && this.isFinished()
  }

  #leaveBlock(): void {
    if (!this.#lastBlock) this.#enter('block-header', 3)
    else if (this.#hasChecksum) this.#enter('checksum', 4)
    else this.#enter('end', 0)
  }

  #enter(element: Element, bytes: number): void {
    this.#element = element
    this.#remaining = bytes
    this.#have = 0
  }
}
