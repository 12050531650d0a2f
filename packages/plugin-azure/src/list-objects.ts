import type { BlobItem, ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob'
import { StorageError, type ListOptions, type StoredObject } from '@walr/core/plugin'
import { inByteOrder } from '@walr/plugin-kit/storage'
import type { AzureAccess } from './access.ts'
import { escapeName, unescapeName } from './blob-name.ts'
import { fromUtf16Order, type ListedBlob } from './listing-order.ts'

/** Azure's own limit. */
const PAGE_SIZE = 5000

/**
 * Lists page by page. An order that is neither that of UTF-8 nor that of UTF-16 is an error, since what is missing
 * would not show. The service begins with the first name each time: names up to `startAfter` are left out here.
 */
export async function* listObjects(
  access: AzureAccess,
  prefix: string,
  { startAfter, signal }: ListOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  const start = startAfter === undefined ? undefined : Buffer.from(startAfter)
  for await (const object of inByteOrder(objects(access, prefix, signal))) {
    if (start === undefined || Buffer.compare(Buffer.from(object.key), start) > 0) yield object
  }
}

async function* objects(
  access: AzureAccess,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<StoredObject, void, undefined> {
  for await (const blob of fromUtf16Order(blobs(access, access.namePrefix + escapeName(prefix), signal))) {
    const key = unescapeName(blob.name.slice(access.namePrefix.length))
    // names that end with a slash are the folders of file browsers; "a[" also finds what stands for "a\\"
    const isOurs = key !== '' && !key.endsWith('/') && key.startsWith(prefix)
    if (isOurs) yield { key, size: blob.size, modifiedAt: blob.modifiedAt }
  }
}

async function* blobs(
  access: AzureAccess,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListedBlob, void, undefined> {
  for await (const page of pages(access, prefix, signal)) {
    for (const item of page.segment.blobItems) yield toBlob(item, prefix)
  }
}

async function* pages(
  { client, options }: AzureAccess,
  prefix: string,
  abortSignal: AbortSignal,
): AsyncGenerator<ContainerListBlobFlatSegmentResponse, void, undefined> {
  let marker: string | undefined
  for await (const page of client.listBlobsFlat({ prefix, abortSignal }).byPage({ maxPageSize: PAGE_SIZE })) {
    // the answer of a portal or a proxy has none of it, and would pass for an empty archive
    const { containerName, segment } = page as Partial<ContainerListBlobFlatSegmentResponse>
    if (containerName !== options.place.container || segment === undefined) {
      throw senseless(`the container "${containerName ?? ''}" instead of "${options.place.container}"`)
    }
    yield page
    const next = page.continuationToken
    if (next !== undefined && next !== '' && next === marker) throw senseless('the same page twice')
    marker = next
  }
}

function toBlob(item: BlobItem, prefix: string): ListedBlob {
  const { name, properties } = item as Partial<BlobItem>
  if (name === undefined || properties?.contentLength === undefined) throw senseless('a blob without name or size')
  if (!name.startsWith(prefix)) throw senseless(`"${name}", which was not asked for`)
  return { name, size: properties.contentLength, modifiedAt: properties.lastModified }
}

function senseless(what: string): StorageError {
  return new StorageError('Permanent', `the server listed ${what}`)
}
