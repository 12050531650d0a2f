import { randomBytes } from 'node:crypto'
import type { Codec, HookContext } from '@walr/core/plugin'
import { decrypt } from './decrypt.ts'
import { encrypt } from './encrypt.ts'
import type { Keyring } from './keyring.ts'

/** What a codec is made of. */
export interface CryptoCodecParts {
  readonly keyring: Keyring
  /** In bytes. */
  readonly chunkSize: number
  /** For tests that need the same bytes each time. */
  readonly random?: (length: number) => Uint8Array
}

/** The codec `aes-256-gcm/1`. It has no state but the key ring: any number of streams at once. */
export function createCryptoCodec({ keyring, chunkSize, random = randomBytes }: CryptoCodecParts): Codec {
  return {
    id: 'aes-256-gcm/1',
    kind: 'encryption',
    suffix: '.aes',
    encode: (plain, context) => encrypt(plain, { key: keyring.current, chunkSize, random }, context),
    decode: (coded, context) => decrypt(coded, (slot) => keyring.find(slot), context),
  }
}

/** Encrypts a sample and decrypts it again, so that a key with which that fails is found before the first segment. */
export async function checkCodec(codec: Codec, { signal }: HookContext): Promise<void> {
  const sample = randomBytes(1024)
  const context = { objectKey: 'walr/check', signal }
  const decoded: Buffer[] = []
  for await (const piece of codec.decode(codec.encode(once(sample), context), context)) decoded.push(Buffer.from(piece))
  if (!Buffer.concat(decoded).equals(sample)) throw new Error('the key does not decrypt what it has encrypted')
}

// eslint-disable-next-line @typescript-eslint/require-await -- a codec wants an asynchronous source
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
