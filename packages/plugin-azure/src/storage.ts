import type { HookContext, Storage } from '@walr/core/plugin'
import { GuardedStorage } from '@walr/plugin-kit/storage'
import type { AzureAccess } from './access.ts'
import { createClient } from './client.ts'
import { deleteObjects } from './delete-objects.ts'
import { azureStorageError } from './error-map.ts'
import { getObject } from './get-object.ts'
import { headObject } from './head-object.ts'
import { listObjects } from './list-objects.ts'
import type { AzureOptions } from './options.ts'
import { maxObjectBytes, putObject } from './put-object.ts'

/** Opens the storage: blobs in a container. Nothing is asked of the server yet. */
export async function openAzureStorage(options: AzureOptions, context: HookContext): Promise<Storage> {
  const { container, close } = await createClient(options, context)
  const namePrefix = options.prefix === '' ? '' : `${options.prefix}/`
  const access: AzureAccess = { client: container, options, namePrefix }
  return new GuardedStorage(
    {
      capabilities: {
        createIfAbsent: 'atomic',
        rangeReads: true,
        maxObjectBytes: maxObjectBytes(options.blockSize),
      },
      put: (key, source, putOptions) => putObject(access, key, source, putOptions),
      get: (key, getOptions) => getObject(access, key, getOptions),
      head: (key, signal) => headObject(access, key, signal),
      list: (prefix, listOptions) => listObjects(access, prefix, listOptions),
      delete: (keys, signal) => deleteObjects(access, keys, signal),
      close,
      toStorageError: azureStorageError,
    },
    context,
  )
}
