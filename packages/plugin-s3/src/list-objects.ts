import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type _Object } from '@aws-sdk/client-s3'
import { StorageError, type ListOptions, type StoredObject } from '@walr/core/plugin'
import { inByteOrder } from '@walr/plugin-kit/storage'
import type { S3Access } from './access.ts'
import { PROBE_KEY } from './conditional-writes.ts'

/**
 * Lists page by page. S3 sorts by the bytes of UTF-8, as the contract wants it. A server that sorts otherwise is an
 * error, since what is missing would not show.
 */
export async function* listObjects(
  access: S3Access,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  for await (const object of inByteOrder(listed(access, prefix, options))) {
    if (!isHidden(object.key)) yield object
  }
}

async function* listed(access: S3Access, prefix: string, options: ListOptions): AsyncGenerator<StoredObject> {
  for await (const page of pages(access, prefix, options)) {
    for (const entry of page.Contents ?? []) {
      yield toObject(entry, { access, prefix, isEncoded: page.EncodingType === 'url' })
    }
  }
}

async function* pages(
  { client, options, namePrefix }: S3Access,
  prefix: string,
  { startAfter, signal: abortSignal }: ListOptions,
): AsyncGenerator<ListObjectsV2CommandOutput, void, undefined> {
  const input = {
    Bucket: options.bucket,
    Prefix: namePrefix + prefix,
    // what XML cannot hold would break the whole page
    EncodingType: 'url' as const,
    ...(startAfter === undefined ? {} : { StartAfter: namePrefix + startAfter }),
  }
  let token: string | undefined
  do {
    const next = token === undefined ? {} : { ContinuationToken: token }
    const page = await client.send(new ListObjectsV2Command({ ...input, ...next }), { abortSignal })
    // A page of a portal or a proxy has none of it, and would pass for an empty archive.
    if (page.Name === undefined && page.KeyCount === undefined) throw senseless('neither a bucket nor a number of keys')
    yield page
    if (page.IsTruncated === true && (page.NextContinuationToken ?? token) === token) {
      throw senseless('that there is more, but not where it begins')
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

/** Names that end with a slash are the folders of file browsers. */
function isHidden(key: string): boolean {
  return key === '' || key.endsWith('/') || key === PROBE_KEY
}

interface ListingPlace {
  readonly access: S3Access
  readonly prefix: string
  readonly isEncoded: boolean
}

function toObject({ Key, Size: size, LastModified: modifiedAt }: _Object, place: ListingPlace): StoredObject {
  const { access, prefix, isEncoded } = place
  if (Key === undefined || size === undefined || modifiedAt === undefined) {
    throw senseless('an object without name, size or time')
  }
  // S3 writes a space as "+", and "+" as "%2B"
  const name = isEncoded ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key
  if (!name.startsWith(access.namePrefix + prefix)) throw senseless(`"${name}", which was not asked for`)
  return { key: name.slice(access.namePrefix.length), size, modifiedAt }
}

function senseless(what: string): StorageError {
  return new StorageError('Permanent', `the server listed ${what}`)
}
