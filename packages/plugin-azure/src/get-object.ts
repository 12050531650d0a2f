import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { isStorageError, StorageError, type GetOptions } from '@walr/core/plugin'
import { BodyReader, VerifiedBody, type ToStorageError } from '@walr/plugin-kit/storage'
import { blobOf, type AzureAccess } from './access.ts'
import { isRangeBehindEnd } from './error-map.ts'
import { headObject } from './head-object.ts'
import { customerKey } from './write-settings.ts'

/** Opens an object or a range of it. The signal of the options also ends the reading. */
export async function getObject(
  access: AzureAccess,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): Promise<AsyncIterable<Uint8Array>> {
  if (length <= 0) {
    await headObject(access, key, signal) // a range of no bytes cannot be asked for
    return Readable.from([])
  }
  const isWhole = offset === 0 && length === Infinity
  const count = length === Infinity ? undefined : length
  try {
    const answer = await blobOf(access, key).download(offset, count, {
      ...customerKey(access.options),
      abortSignal: signal,
      maxRetryRequests: 0, // the SDK would go on with other requests in the middle of a body
    })
    const { readableStreamBody: body, contentLength: size, contentRange, contentMD5 } = answer
    if (!(body instanceof Readable)) throw new StorageError('Permanent', 'the server answered without a body')
    const reader = new BodyReader(body, { key, size, signal, toStorageError: bodyError })
    if (size !== undefined && (isWhole || contentRange?.startsWith(`bytes ${offset}-`) === true)) {
      return isWhole && contentMD5 !== undefined ? verified(reader, key, contentMD5) : reader
    }
    await reader.return()
    const received = contentRange ?? 'no range'
    throw new StorageError('Permanent', `the server sent other bytes than were asked for, ${received}`)
  } catch (error) {
    if (!isRangeBehindEnd(error)) throw error
    return Readable.from([])
  }
}

/** @param expected the MD5 that the storage knows of the object. */
function verified(reader: BodyReader, key: string, expected: Uint8Array): VerifiedBody<Buffer> {
  const hash = createHash('md5')
  const meter = { update: (bytes: Uint8Array) => void hash.update(bytes), finish: () => hash.digest() }
  return new VerifiedBody(reader, meter, (md5) => {
    if (md5.equals(expected)) return
    const known = Buffer.from(expected).toString('hex')
    throw new StorageError(
      'Transient',
      `what was read of "${key}" has MD5 ${md5.toString('hex')}, but the server says ${known}`,
    )
  })
}

/** The SDK keeps to itself why a body ended; the answer was good, so it is the connection. */
const bodyError: ToStorageError = (error, failed) => {
  if (isStorageError(error)) return error
  return new StorageError('Transient', `${failed}: the connection ended, or fell silent`, { cause: error })
}
