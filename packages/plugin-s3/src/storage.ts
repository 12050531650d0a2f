import type { HookContext, Storage } from '@walr/core/plugin'
import { GuardedStorage } from '@walr/plugin-kit/storage'
import type { S3Access } from './access.ts'
import { createClient } from './client.ts'
import { deleteObjects } from './delete-objects.ts'
import { s3StorageError } from './error-map.ts'
import { getObject } from './get-object.ts'
import { headObject } from './head-object.ts'
import { listObjects } from './list-objects.ts'
import type { S3Options } from './options.ts'
import { maxObjectBytes, putObject } from './put-object.ts'

/** Opens the storage: objects in a bucket. Nothing is asked of the server yet. */
export async function openS3Storage(options: S3Options, context: HookContext): Promise<Storage> {
  const client = await createClient(options, context)
  const namePrefix = options.prefix === '' ? '' : `${options.prefix}/`
  const known = { honoursConditions: options.endpoint === undefined } // AWS does
  const access: S3Access = { client, options, context, namePrefix, known }
  return new GuardedStorage(
    {
      capabilities: {
        createIfAbsent: options.conditionalWrites ? 'atomic' : 'check-then-write',
        rangeReads: true,
        maxObjectBytes: maxObjectBytes(options.partSize),
      },
      put: (key, source, putOptions) => putObject(access, key, source, putOptions),
      get: (key, getOptions) => getObject(access, key, getOptions),
      head: (key, signal) => headObject(access, key, signal),
      list: (prefix, listOptions) => listObjects(access, prefix, listOptions),
      delete: (keys, signal) => deleteObjects(access, keys, signal),
      close: () => {
        client.destroy()
      },
      toStorageError: s3StorageError,
    },
    context,
  )
}
