import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import { toBlobName } from './blob-name.ts'
import type { AzureOptions } from './options.ts'

/** What the operations of an opened storage share. */
export interface AzureAccess {
  readonly client: ContainerClient
  readonly options: AzureOptions
  /** Ends with a slash, or is empty; the name of a blob is this and the key. */
  readonly namePrefix: string
}

/**
 * The client of one object's blob.
 * @throws StorageError Permanent for a key that Azure cannot keep.
 */
export function blobOf({ client, options, namePrefix }: AzureAccess, key: string): BlockBlobClient {
  return client.getBlockBlobClient(namePrefix + toBlobName(key, options.place))
}
