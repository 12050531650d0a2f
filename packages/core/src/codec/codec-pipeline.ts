import { WalrError } from '../errors/walr-error.ts'
import type { Codec, CodecContext } from '../plugins/contract/index.ts'

type Bytes = AsyncIterable<Uint8Array>

const suffixPattern = /^(\.[a-z0-9]{1,8})*$/

/**
 * The chain of codecs through which objects go: compression first, then encryption. Its {@link suffix} is part of each
 * object's name; reading goes by the name and not by the configuration (law 8).
 */
export class CodecPipeline {
  readonly #writing: readonly Codec[]
  readonly #bySuffix: ReadonlyMap<string, Codec>

  /**
   * @param writing what new objects go through, in the order of the configuration.
   * @param reading further codecs for objects that were made with other ones.
   * @throws WalrError WALR_CONFIG when two that write have the same suffix.
   */
  constructor(writing: readonly Codec[], reading: readonly Codec[]) {
    const rank = { compression: 0, encryption: 1 } as const
    this.#writing = writing.toSorted((a, b) => rank[a.kind] - rank[b.kind])
    const bySuffix = new Map<string, Codec>()
    for (const codec of this.#writing) {
      const other = bySuffix.get(codec.suffix)
      if (other) {
        const text = `codecs "${other.id}" and "${codec.id}" both have the suffix "${codec.suffix}"`
        throw new WalrError('WALR_CONFIG', text, { hint: 'Leave one of them out of archive.codecs.' })
      }
      bySuffix.set(codec.suffix, codec)
    }
    // What writes also reads, with its current keys.
    for (const codec of reading) if (!bySuffix.has(codec.suffix)) bySuffix.set(codec.suffix, codec)
    this.#bySuffix = bySuffix
  }

  /** What new objects' names end in: `.zst.aes`, or nothing. */
  get suffix(): string {
    return this.#writing.map((codec) => codec.suffix).join('')
  }

  encode(plain: Bytes, context: CodecContext): Bytes {
    return this.#writing.reduce((bytes, codec) => codec.encode(bytes, context), plain)
  }

  /**
   * Undoes what an object's name says was done.
   * @param suffixes as in the name, such as `.zst.aes`; empty for plain bytes.
   * @throws WalrError WALR_CONFIG when no codec has one of them.
   */
  decode(suffixes: string, coded: Bytes, context: CodecContext): Bytes {
    if (!suffixPattern.test(suffixes)) throw unknownSuffix(suffixes, context)
    return suffixes
      .split('.')
      .slice(1)
      .reverse()
      .reduce((bytes, part) => {
        const codec = this.#bySuffix.get(`.${part}`)
        if (!codec) throw unknownSuffix(`.${part}`, context)
        return codec.decode(bytes, context)
      }, coded)
  }
}

function unknownSuffix(suffix: string, { objectKey }: CodecContext): WalrError {
  return new WalrError('WALR_CONFIG', `no codec is configured for "${suffix}", in which "${objectKey}" ends`, {
    hint: 'Add the codec that made the object, with its key, to archive.readCodecs.',
  })
}
