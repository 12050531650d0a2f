import { StorageError, type ListOptions, type StoredObject } from '@walr/core/plugin'
import { inByteOrder } from '@walr/plugin-kit/storage'
import { z } from 'zod'
import { collectionPath, type GcsAccess } from './access.ts'
import { toResource, toStoredObject } from './object-resource.ts'

/** The server's own limit. */
const PAGE = '1000'

const pageSchema = z.object({
  // a page of a portal or a proxy has none, and would pass for an empty archive
  kind: z.literal('storage#objects'),
  nextPageToken: z.string().min(1).optional(),
  items: z.array(z.looseObject({ name: z.string() })).default([]),
})

/** One page of a listing. @throws StorageError Permanent when it is none. */
export function parsePage(json: unknown): z.output<typeof pageSchema> {
  const page = pageSchema.safeParse(json)
  if (!page.success) throw senseless('something that is no listing')
  return page.data
}

/** Lists page by page. The server sorts by the bytes of UTF-8, as the contract wants it; another order is an error. */
export function listObjects(
  access: GcsAccess,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  return inByteOrder(listed(access, prefix, options))
}

async function* listed(
  access: GcsAccess,
  prefix: string,
  { startAfter, signal }: ListOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  const { namePrefix, client } = access
  const query = {
    prefix: namePrefix + prefix,
    maxResults: PAGE,
    fields: 'kind,nextPageToken,items(name,size,timeCreated,generation)',
    // the server begins with this name itself
    startOffset: startAfter === undefined ? undefined : namePrefix + startAfter,
  }
  let pageToken: string | undefined
  do {
    const call = { method: 'GET', target: collectionPath(access), query: { ...query, pageToken }, signal }
    const { items, nextPageToken } = parsePage(await client.json(call))
    for (const item of items) {
      if (!item.name.startsWith(query.prefix)) throw senseless(`"${item.name}", which was not asked for`)
      const object = toStoredObject(toResource(item), namePrefix)
      if (object.key !== startAfter && !isHidden(object.key)) yield object
    }
    if (nextPageToken !== undefined && nextPageToken === pageToken) throw senseless('the same page again and again')
    pageToken = nextPageToken
  } while (pageToken !== undefined)
}

/** Names that end with a slash are the folders of file browsers. */
function isHidden(key: string): boolean {
  return key === '' || key.endsWith('/')
}

function senseless(what: string): StorageError {
  return new StorageError('Permanent', `the server listed ${what}`)
}
