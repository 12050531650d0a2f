import { GetObjectCommand } from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { StorageError, type GetOptions } from '@walr/core/plugin'
import { BodyReader } from '@walr/plugin-kit/storage'
import { addressOf, type S3Access } from './access.ts'
import { isRangeBehindEnd, s3StorageError } from './error-map.ts'
import { headObject } from './head-object.ts'
import { customerKey } from './object-settings.ts'

/** Opens an object or a range of it. The signal of the options also ends the reading. */
export async function getObject(
  access: S3Access,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): Promise<AsyncIterable<Uint8Array>> {
  if (length <= 0) {
    await headObject(access, key, signal) // a range of no bytes cannot be asked for
    return Readable.from([])
  }
  const isWhole = offset === 0 && length === Infinity
  const range = isWhole ? {} : { Range: `bytes=${offset}-${length === Infinity ? '' : offset + length - 1}` }
  const input = { ...addressOf(access, key), ...customerKey(access.options), ...range }
  try {
    const answer = await access.client.send(new GetObjectCommand(input), { abortSignal: signal })
    const { Body: body, ContentLength: size, ContentRange } = answer
    if (!(body instanceof Readable)) throw new StorageError('Permanent', 'the server answered without a body')
    const reader = new BodyReader(body, { key, size, signal, toStorageError: s3StorageError })
    if (size !== undefined && (isWhole || ContentRange?.startsWith(`bytes ${offset}-`) === true)) return reader
    await reader.return()
    throw new StorageError(
      'Permanent',
      `the server sent other bytes than were asked for, ${ContentRange ?? 'no range'}`,
    )
  } catch (error) {
    if (!isRangeBehindEnd(error)) throw error
    return Readable.from([])
  }
}
