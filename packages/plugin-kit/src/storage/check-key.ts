import { StorageError } from '@walr/core/plugin'
import { isKeyText } from '../storage-key.ts'

const MAX_KEY_BYTES = 512

/** @throws StorageError Permanent unless `key` is one by the contract. */
export function checkKey(key: string): void {
  if (isKeyText(key) && Buffer.byteLength(key) <= MAX_KEY_BYTES) return
  throw new StorageError('Permanent', `"${key}" is no key: parts separated by "/" are expected, at most 512 bytes`)
}
