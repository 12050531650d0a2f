const P1 = 0x9e37_79b1
const P2 = 0x85eb_ca77
const P3 = 0xc2b2_ae3d
const P4 = 0x27d4_eb2f
const P5 = 0x1656_67b1
const STRIPE_BYTES = 16

/** XXH32 with seed 0 over bytes that come in pieces: the checksum of the LZ4 frame format. */
export class XxHash32 {
  readonly #lanes: Uint32Array = Uint32Array.of(P1 + P2, P2, 0, -P1)
  /** Bytes that do not fill a stripe yet. */
  readonly #rest: Uint8Array = new Uint8Array(STRIPE_BYTES)
  #restLength = 0
  #total = 0

  update(bytes: Uint8Array): this {
    this.#total += bytes.length
    let at = 0
    if (this.#restLength > 0) {
      at = Math.min(STRIPE_BYTES - this.#restLength, bytes.length)
      this.#rest.set(bytes.subarray(0, at), this.#restLength)
      this.#restLength += at
      if (this.#restLength < STRIPE_BYTES) return this
      this.#stripes(this.#rest, 0, STRIPE_BYTES)
    }
    const end = bytes.length - ((bytes.length - at) % STRIPE_BYTES)
    this.#stripes(bytes, at, end)
    this.#restLength = bytes.length - end
    this.#rest.set(bytes.subarray(end))
    return this
  }

  /** The hash of all bytes so far, as an unsigned number. */
  digest(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#lanes
    let hash = this.#total >= STRIPE_BYTES ? rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18) : P5
    hash = (hash + this.#total) | 0
    let at = 0
    for (; at + 4 <= this.#restLength; at += 4)
      hash = Math.imul(rotated(hash + Math.imul(word(this.#rest, at), P3), 17), P4)
    for (; at < this.#restLength; at++) hash = Math.imul(rotated(hash + Math.imul(this.#rest[at] ?? 0, P5), 11), P1)
    hash = Math.imul(hash ^ (hash >>> 15), P2)
    hash = Math.imul(hash ^ (hash >>> 13), P3)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  #stripes(bytes: Uint8Array, from: number, to: number): void {
    let [a = 0, b = 0, c = 0, d = 0] = this.#lanes
    for (let at = from; at < to; at += STRIPE_BYTES) {
      a = mixed(a, word(bytes, at))
      b = mixed(b, word(bytes, at + 4))
      c = mixed(c, word(bytes, at + 8))
      d = mixed(d, word(bytes, at + 12))
    }
    this.#lanes.set([a, b, c, d])
  }
}

function mixed(lane: number, input: number): number {
  return Math.imul(rotated(lane + Math.imul(input, P2), 13), P1)
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}
