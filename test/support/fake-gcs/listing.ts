import { ApiFailure } from './api-failure.ts'
import { json, type ApiAnswer, type ApiRequest } from './api-request.ts'
import type { BucketStore, FakeBucket } from './bucket-store.ts'

const MAX_RESULTS = 1000

/** `GET /storage/v1/b/BUCKET/o`. Names come by the bytes of their UTF-8; `startOffset` belongs to them. */
export function serveListing(store: BucketStore, bucket: FakeBucket, { query }: ApiRequest): ApiAnswer {
  const prefix = query.take('prefix') ?? ''
  const startOffset = Buffer.from(query.take('startOffset') ?? '')
  const token = query.take('pageToken')
  const wanted = query.take('maxResults')
  const fields = parseFields(query.take('fields'))
  query.end()
  if (wanted !== undefined && !/^[1-9]\d*$/.test(wanted)) throw new ApiFailure(400, 'invalid', 'Invalid maxResults')
  const limit = Math.min(Number(wanted ?? MAX_RESULTS), MAX_RESULTS)
  const after = token === undefined ? undefined : Buffer.from(token, 'base64url')
  const names = [...bucket.objects.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => Buffer.from(name))
    .filter((name) => Buffer.compare(name, startOffset) >= 0 && (!after || Buffer.compare(name, after) > 0))
    .sort((left, right) => Buffer.compare(left, right))
  const page = names.slice(0, limit)
  const last = page.at(-1)
  const items = page.flatMap((name) => {
    const object = bucket.objects.get(name.toString())
    return object ? [store.resource(bucket.name, object, fields.items)] : []
  })
  const isCut = names.length > page.length && last !== undefined
  const all = {
    kind: 'storage#objects',
    ...(isCut ? { nextPageToken: last.toString('base64url') } : {}),
    // the real one leaves it out, too, when there is nothing
    ...(items.length > 0 ? { items } : {}),
  }
  return json(Object.fromEntries(Object.entries(all).filter(([name]) => fields.names?.has(name) ?? true)))
}

/** `kind,items(name,size)`: names, and the fields of the items. */
function parseFields(text: string | undefined): { readonly names?: ReadonlySet<string>; readonly items?: string } {
  if (text === undefined) return {}
  const [, items] = /items\(([^)]*)\)/.exec(text) ?? []
  const names = new Set(text.replace(/\([^)]*\)/, '').split(','))
  return { names, ...(items === undefined ? {} : { items }) }
}
