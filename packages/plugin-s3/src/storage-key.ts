import { StorageError } from '@walr/core/plugin'

const MAX_KEY_BYTES = 512
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/

/** @throws StorageError Permanent unless `key` is one by the contract. */
export function checkKey(key: string): void {
  const isClean = key.isWellFormed() && !controlCharacter.test(key) && Buffer.byteLength(key) <= MAX_KEY_BYTES
  if (isClean && key.split('/').every((part) => part !== '' && part !== '.' && part !== '..')) return
  throw new StorageError('Permanent', `"${key}" is no key: parts separated by "/" are expected, at most 512 bytes`)
}
