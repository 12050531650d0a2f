import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { CHECK_VALUE_LENGTH, type ScryptParameters } from './header-format.ts'

/** Bytes of a key, and of everything that is derived from one. */
export const KEY_LENGTH = 32

/** A key that wraps the data keys of objects. */
export interface WrappingKey {
  readonly id: string
  /** Stands in the header of each object; known to everybody who sees one. */
  readonly checkValue: Buffer
  readonly secret: KeyObject
  /** How it was made, when it came from a passphrase. */
  readonly scrypt: ScryptParameters | undefined
}

/** Derives from 32 secret bytes the key that wraps and the check value; neither tells anything about the other. */
export function deriveWrappingKey(id: string, master: Uint8Array, scrypt?: ScryptParameters): WrappingKey {
  const derive = (purpose: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', master, new Uint8Array(0), `walr aes-256-gcm/1 ${purpose}`, length))
  return {
    id,
    checkValue: derive('check', CHECK_VALUE_LENGTH),
    secret: createSecretKey(derive('wrap', KEY_LENGTH)),
    scrypt,
  }
}
