import { Readable } from 'node:stream'
import { isStorageError, StorageError, type GetOptions } from '@walr/core/plugin'
import { BodyReader, type ToStorageError } from '@walr/plugin-kit/storage'
import { blobOf, type AzureAccess } from './access.ts'
import { isRangeBehindEnd } from './error-map.ts'
import { headObject } from './head-object.ts'
import { VerifiedBody } from './verified-body.ts'
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
      return isWhole && contentMD5 !== undefined ? new VerifiedBody(reader, key, contentMD5) : reader
    }
    await reader.return()
    const received = contentRange ?? 'no range'
    throw new StorageError('Permanent', `the server sent other bytes than were asked for, ${received}`)
  } catch (error) {
    if (!isRangeBehindEnd(error)) throw error
    return Readable.from([])
  }
}

/** The SDK keeps to itself why a body ended; the answer was good, so it is the connection. */
const bodyError: ToStorageError = (error, failed) => {
  if (isStorageError(error)) return error
  return new StorageError('Transient', `${failed}: the connection ended, or fell silent`, { cause: error })
}
