import { StorageError, type PutConfirmation, type StoredObject } from '@walr/core/plugin'

/** What the service says of an object that it has stored: the only proof that walr has. */
export function putConfirmation(answer: unknown): PutConfirmation {
  const { size, sha256 } = fieldsOf(answer)
  if (typeof size !== 'number' || typeof sha256 !== 'string') throw senseless('a put')
  return { size, checksum: { algorithm: 'sha256', value: sha256 } }
}

/** What the headers of an answer say of an object. */
export function headOf(key: string, { headers }: Response): StoredObject {
  const size = Number(headers.get('content-length') ?? NaN)
  const modifiedAt = new Date(headers.get('last-modified') ?? NaN)
  if (!Number.isInteger(size) || Number.isNaN(modifiedAt.getTime())) throw senseless('a head')
  return { key, size, modifiedAt }
}

/** A page of a listing. */
export interface ListPage {
  readonly objects: readonly StoredObject[]
  readonly isComplete: boolean
}

/** @param prefix is taken off the keys. */
export function listPage(answer: unknown, prefix: string): ListPage {
  const { objects, isComplete } = fieldsOf(answer)
  if (!Array.isArray(objects) || typeof isComplete !== 'boolean') throw senseless('a listing')
  if (objects.length === 0 && !isComplete) throw senseless('a listing')
  return { isComplete, objects: objects.map((object: unknown) => storedObject(object, prefix)) }
}

function storedObject(answer: unknown, prefix: string): StoredObject {
  const { key, size, modifiedAt } = fieldsOf(answer)
  if (
    typeof key !== 'string' ||
    !key.startsWith(prefix) ||
    typeof size !== 'number' ||
    typeof modifiedAt !== 'string'
  ) {
    throw senseless('a listing')
  }
  return { key: key.slice(prefix.length), size, modifiedAt: new Date(modifiedAt) }
}

function fieldsOf(answer: unknown): Readonly<Record<string, unknown>> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : {}
}

function senseless(what: string): StorageError {
  return new StorageError('Permanent', `the service's answer to ${what} makes no sense`)
}
