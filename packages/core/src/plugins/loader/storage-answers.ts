import { compareUtf8 } from '../../builtin/utf8-order.ts'
import { StorageError, type PutConfirmation, type StoredObject } from '../contract/index.ts'

const digits = { md5: 32, sha256: 64, sha1: 40, crc32: 8, crc32c: 8 } as const

/** What a plugin answered to `put`, checked. @throws StorageError Permanent when it makes no sense. */
export function checkedConfirmation(answer: unknown): PutConfirmation {
  if (typeof answer !== 'object' || answer === null) throw nonsense('a confirmation', typeof answer)
  const { size, checksum } = answer as Partial<PutConfirmation>
  if (!isSize(size)) throw nonsense('a size in bytes', String(size))
  if (checksum === undefined) return { size }
  const { algorithm, value } = checksum as Partial<typeof checksum>
  const length = algorithm === undefined ? undefined : digits[algorithm]
  if (algorithm === undefined || typeof value !== 'string' || value.length !== length || !/^[0-9a-f]+$/.test(value)) {
    throw nonsense('a checksum in hexadecimal digits', JSON.stringify(checksum))
  }
  return { size, checksum: { algorithm, value } }
}

/** What a plugin told of an object, checked. @throws StorageError Permanent when it makes no sense. */
export function checkedObject(answer: unknown): StoredObject {
  if (typeof answer !== 'object' || answer === null) throw nonsense('an object', typeof answer)
  const { key, size, modifiedAt } = answer as Partial<StoredObject>
  if (typeof key !== 'string') throw nonsense('a key', typeof key)
  if (!isSize(size)) throw nonsense(`the size of "${key}" in bytes`, String(size))
  if (!(modifiedAt instanceof Date) || Number.isNaN(modifiedAt.getTime())) {
    throw nonsense(`the date of "${key}"`, String(modifiedAt))
  }
  return { key, size, modifiedAt }
}

/** One object of a listing, which has to be behind the one before and to begin with the prefix. */
export function checkedListed(answer: unknown, prefix: string, previous: string | undefined): StoredObject {
  const object = checkedObject(answer)
  if (!object.key.startsWith(prefix)) throw nonsense(`keys that begin with "${prefix}"`, `"${object.key}"`)
  if (previous !== undefined && compareUtf8(object.key, previous) <= 0) {
    throw nonsense(`a key greater than "${previous}"`, `"${object.key}"`)
  }
  return object
}

/** A chunk of an object. */
export function checkedChunk(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw nonsense('bytes', typeof value)
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function nonsense(expected: string, received: string): StorageError {
  return new StorageError('Permanent', `the plugin answered ${received} where ${expected} is expected`)
}
