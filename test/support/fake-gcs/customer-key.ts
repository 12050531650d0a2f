import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { ApiFailure } from './api-failure.ts'
import type { FakeObject } from './bucket-store.ts'

/** The SHA-256, base64, of the key that a request brings; undefined when it brings none. */
export function customerKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const names = ['algorithm', 'key', 'key-sha256'].map((part) => `x-goog-encryption-${part}`)
  const [algorithm, key, sha256] = names.map((name) => headers[name])
  if (algorithm === undefined && key === undefined && sha256 === undefined) return undefined
  const bytes = Buffer.from(typeof key === 'string' ? key : '', 'base64')
  const computed = createHash('sha256').update(bytes).digest('base64')
  if (algorithm === 'AES256' && bytes.length === 32 && sha256 === computed) return computed
  throw new ApiFailure(400, 'invalid', 'The encryption key, its hash or its algorithm is invalid.')
}

/** @throws ApiFailure unless the request may read the object's bytes. */
export function checkCustomerKey({ customerKey }: FakeObject, headers: IncomingHttpHeaders): void {
  const given = customerKeyOf(headers)
  if (given === customerKey) return
  if (customerKey === undefined) {
    const message = 'The target object is not encrypted by a customer-supplied encryption key.'
    throw new ApiFailure(400, 'resourceNotEncryptedWithCustomerEncryptionKey', message)
  }
  if (given === undefined) {
    const message = 'The target object is encrypted by a customer-supplied encryption key.'
    throw new ApiFailure(400, 'resourceIsEncryptedWithCustomerEncryptionKey', message)
  }
  const message = 'The provided encryption key is incorrect.'
  throw new ApiFailure(400, 'customerEncryptionKeyIsIncorrect', message)
}
