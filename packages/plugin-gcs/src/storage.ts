import type { HookContext, StorageCapabilities } from '@walr/core/plugin'
import { GuardedStorage, inByteOrder, type StorageDriver } from '@walr/plugin-kit/storage'
import type { GcsAccess } from './access.ts'
import { createClient } from './client.ts'
import { deleteObjects } from './delete-objects.ts'
import { gcsStorageError } from './error-map.ts'
import { getObject } from './get-object.ts'
import { headObject } from './head-object.ts'
import { listObjects } from './list-objects.ts'
import type { GcsOptions } from './options.ts'
import { MAX_OBJECT_BYTES, putObject } from './put-object.ts'

const capabilities: StorageCapabilities = {
  createIfAbsent: 'atomic',
  rangeReads: true,
  maxObjectBytes: MAX_OBJECT_BYTES,
}

/** Opens the storage. Nothing is asked of the server yet. */
export async function openGcsStorage(options: GcsOptions, context: HookContext): Promise<GuardedStorage> {
  const client = await createClient(options, context)
  const namePrefix = options.prefix === '' ? '' : `${options.prefix}/`
  return new GuardedStorage(gcsDriver({ client, options, context, namePrefix }), context)
}

/** Objects in a bucket. */
function gcsDriver(access: GcsAccess): StorageDriver {
  const underWay = new Set<Promise<unknown>>()
  const tracked = <T>(operation: Promise<T>): Promise<T> => {
    underWay.add(operation)
    const ended = (): unknown => underWay.delete(operation)
    operation.then(ended, ended)
    return operation
  }
  return {
    capabilities,
    put: (key, source, options) => tracked(putObject(access, key, source, options)),
    get: (key, options) => getObject(access, key, options),
    head: (key, signal) => headObject(access, key, signal),
    list: (prefix, options) => inByteOrder(listObjects(access, prefix, options)),
    delete: (keys, signal) => deleteObjects(access, keys, signal),
    async close() {
      await Promise.allSettled(underWay) // uploads are aborted, and cancel their sessions yet
      access.client.close()
    },
    toStorageError: gcsStorageError,
  }
}
