import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { CodecError } from '@walr/core/plugin'
import { encodeHeader, encodeWrapData, type Header } from './header-format.ts'
import { TAG_LENGTH } from './frame-format.ts'
import { KEY_LENGTH, type WrappingKey } from './wrapping-key.ts'

/** A new header for a body: the data key, wrapped, bound to the binding and to all other fields of the header. */
export function wrapDataKey(
  binding: Uint8Array,
  { id, checkValue, secret, scrypt }: WrappingKey,
  dataKey: KeyObject,
  wrapNonce: Uint8Array,
): Buffer {
  const wrapData = encodeWrapData(binding, { keyId: id, checkValue, scrypt })
  const cipher = createCipheriv('aes-256-gcm', secret, wrapNonce, { authTagLength: TAG_LENGTH })
  cipher.setAAD(wrapData)
  const encrypted = cipher.update(dataKey.export())
  cipher.final()
  return encodeHeader(wrapData, wrapNonce, Buffer.concat([encrypted, cipher.getAuthTag()]))
}

/**
 * The data key of an object.
 * @param key the one that the header's check value names.
 * @throws CodecError Corrupt when the header is not as it was written.
 */
export function unwrapDataKey({ wrapData, wrapNonce, wrappedKey }: Header, { secret }: WrappingKey): KeyObject {
  const decipher = createDecipheriv('aes-256-gcm', secret, wrapNonce, { authTagLength: TAG_LENGTH })
  decipher.setAAD(wrapData)
  decipher.setAuthTag(wrappedKey.subarray(KEY_LENGTH))
  const bytes = decipher.update(wrappedKey.subarray(0, KEY_LENGTH))
  try {
    decipher.final()
  } catch (cause) {
    const text =
      'has a header that was altered or put together from others: its data key does not unwrap with the right key'
    throw new CodecError('Corrupt', text, { cause })
  }
  const dataKey = createSecretKey(bytes)
  bytes.fill(0)
  return dataKey
}
