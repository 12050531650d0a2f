import { createHash } from 'node:crypto'
import { CodecError, type Codec } from '../plugins/contract/index.ts'

/** A codec for tests: a byte that names the key, the input with each byte changed by it, and a digest. */
export class FramedCodec implements Codec {
  readonly id: string
  readonly kind: Codec['kind']
  readonly suffix: Codec['suffix']
  readonly #key: number

  constructor(suffix: Codec['suffix'], kind: Codec['kind'] = 'compression', key = 0x5a) {
    this.id = `framed${suffix}/${key}`
    this.kind = kind
    this.suffix = suffix
    this.#key = key
  }

  async *encode(plain: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from([this.#key])
    const hash = createHash('md5').update(this.suffix)
    for await (const chunk of plain) {
      hash.update(chunk)
      yield chunk.map((byte) => byte ^ this.#key)
    }
    yield hash.digest()
  }

  async *decode(coded: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks: Uint8Array[] = []
    for await (const chunk of coded) chunks.push(Uint8Array.from(chunk))
    const bytes = Buffer.concat(chunks)
    if (bytes.length < 17) throw new CodecError('Corrupt', `only ${bytes.length} bytes`)
    if (bytes[0] !== this.#key) throw new CodecError('WrongKey', `made with key ${bytes[0]}, here is ${this.#key}`)
    const plain = bytes.subarray(1, -16).map((byte) => byte ^ this.#key)
    const digest = createHash('md5').update(this.suffix).update(plain).digest()
    if (!digest.equals(bytes.subarray(-16))) throw new CodecError('Corrupt', 'the digest is another one')
    yield plain
  }
}

/** One chunk. */
// eslint-disable-next-line @typescript-eslint/require-await -- the codecs want an asynchronous source
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
