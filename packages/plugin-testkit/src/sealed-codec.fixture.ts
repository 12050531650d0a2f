import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { CodecError, type Codec, type CodecContext } from '@walr/core/plugin'

const SALT_BYTES = 32
const CHECK_BYTES = 8
const TAG_BYTES = 16
const HEADER_BYTES = 3 + CHECK_BYTES + SALT_BYTES
const MAGIC = Buffer.from('WS1')

/**
 * A fake encryption, for the kit's own tests: one AES-256-GCM stream whose key is made from the codec's key, a salt and the
 * object's key. It gives plain bytes out before they are verified: no archive should do that.
 */
export class SealedCodec implements Codec {
  readonly id: string = 'sealed/1'
  readonly kind: Codec['kind'] = 'encryption'
  readonly suffix: Codec['suffix'] = '.sld'
  protected readonly key: Buffer

  constructor(key: string) {
    this.key = createHash('sha256').update(key).digest()
  }

  async *encode(plain: AsyncIterable<Uint8Array>, context: CodecContext): AsyncGenerator<Uint8Array, void, void> {
    context.signal.throwIfAborted()
    const header = Buffer.concat([MAGIC, this.#checkValue(), this.salt()])
    yield Buffer.from(header)
    const cipher = createCipheriv('aes-256-gcm', this.#objectKey(header, context), Buffer.alloc(12))
    cipher.setAAD(header)
    for await (const chunk of plain) {
      context.signal.throwIfAborted()
      yield cipher.update(chunk)
    }
    cipher.final()
    yield cipher.getAuthTag()
  }

  async *decode(coded: AsyncIterable<Uint8Array>, context: CodecContext): AsyncGenerator<Uint8Array, void, void> {
    context.signal.throwIfAborted()
    let open = Buffer.alloc(0)
    let decipher: ReturnType<SealedCodec['opening']> | undefined
    for await (const chunk of coded) {
      context.signal.throwIfAborted()
      open = Buffer.concat([open, chunk])
      if (decipher === undefined) {
        if (open.length < HEADER_BYTES) continue
        decipher = this.opening(Buffer.from(open.subarray(0, HEADER_BYTES)), context)
        open = open.subarray(HEADER_BYTES)
      }
      if (open.length <= TAG_BYTES) continue
      yield decipher.update(open.subarray(0, -TAG_BYTES))
      open = Buffer.from(open.subarray(-TAG_BYTES))
    }
    if (decipher === undefined || open.length < TAG_BYTES) throw new CodecError('Corrupt', 'the object ends early')
    this.verify(decipher, open)
  }

  protected salt(): Buffer {
    return randomBytes(SALT_BYTES)
  }

  /** What is mixed into the key of an object. */
  protected bindingOf(context: CodecContext): string {
    return context.objectKey
  }

  protected opening(header: Buffer, context: CodecContext) {
    if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new CodecError('Corrupt', 'not of this format')
    if (!header.subarray(MAGIC.length, MAGIC.length + CHECK_BYTES).equals(this.#checkValue())) {
      throw new CodecError('WrongKey', 'the object was written with another key')
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#objectKey(header, context), Buffer.alloc(12))
    decipher.setAAD(header)
    return decipher
  }

  protected verify(decipher: ReturnType<SealedCodec['opening']>, tag: Buffer): void {
    decipher.setAuthTag(tag)
    try {
      decipher.final()
    } catch (error) {
      throw new CodecError('Corrupt', 'the object was altered or belongs to another key', { cause: error })
    }
  }

  #objectKey(header: Buffer, context: CodecContext): Buffer {
    const salt = header.subarray(-SALT_BYTES)
    return Buffer.from(hkdfSync('sha256', this.key, salt, this.bindingOf(context), 32))
  }

  #checkValue(): Buffer {
    return createHash('sha256').update('check').update(this.key).digest().subarray(0, CHECK_BYTES)
  }
}
