import { createHash } from 'node:crypto'
import { DeleteObjectsCommand, type _Error } from '@aws-sdk/client-s3'
import type { StorageError } from '@walr/core/plugin'
import { addressOf, type S3Access } from './access.ts'
import { s3StorageError } from './error-map.ts'

/** S3's own limit of one request. */
const BATCH = 1000

/** Deletes objects, a thousand with a request. */
export async function deleteObjects(
  access: S3Access,
  keys: readonly string[],
  abortSignal: AbortSignal,
): Promise<void> {
  const distinct = [...new Set(keys)]
  for (let start = 0; start < distinct.length; start += BATCH) {
    const Objects = distinct.slice(start, start + BATCH).map((key) => ({ Key: addressOf(access, key).Key }))
    const command = new DeleteObjectsCommand({ Bucket: access.options.bucket, Delete: { Objects, Quiet: true } })
    addContentMd5(command)
    const { Errors = [] } = await access.client.send(command, { abortSignal })
    const failed = Errors.filter(({ Code }) => Code !== 'NoSuchKey')
    const [first] = failed
    if (first !== undefined) throw toStorageError(first, failed.length)
  }
}

/** Older servers demand it; newer ones look at the SDK's own checksum, which goes along. */
function addContentMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body?: unknown; headers: Record<string, string> }
      if (typeof request.body === 'string' || request.body instanceof Uint8Array) {
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64')
      }
      return next(args)
    },
    { step: 'build', name: 'contentMd5' },
  )
}

function toStorageError({ Key, Code, Message }: _Error, count: number): StorageError {
  const error = Object.assign(new Error(Message ?? ''), { name: Code ?? 'Error' })
  const more = count > 1 ? ` and ${count - 1} more` : ''
  return s3StorageError(error, `could not delete "${Key ?? ''}"${more}: ${Code ?? 'no reason given'}`)
}
