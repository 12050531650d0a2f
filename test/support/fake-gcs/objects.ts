import { ApiFailure, Misuse } from './api-failure.ts'
import { json, type ApiAnswer, type ApiRequest } from './api-request.ts'
import { checkGeneration, type BucketStore, type FakeBucket, type FakeObject } from './bucket-store.ts'
import { checkCustomerKey } from './customer-key.ts'

/** `GET`, `DELETE` of `/storage/v1/b/BUCKET/o/OBJECT`. */
export function serveObject(store: BucketStore, bucket: FakeBucket, name: string, request: ApiRequest): ApiAnswer {
  const { method, query } = request
  if (method === 'DELETE') {
    const ifGenerationMatch = query.take('ifGenerationMatch')
    query.end()
    find(bucket, name)
    checkGeneration(bucket, name, ifGenerationMatch)
    bucket.objects.delete(name)
    return { status: 204 }
  }
  if (method !== 'GET') throw new Misuse(`${method} of an object`)
  const alt = query.take('alt') ?? 'json'
  const fields = query.take('fields')
  query.end()
  if (alt === 'media') return download(store, bucket, name, request)
  if (alt !== 'json') throw new Misuse(`alt=${alt}`)
  const object = find(bucket, name)
  // with another key, or none, the rest is told all the same
  const isKeyed = object.customerKey === undefined || request.headers['x-goog-encryption-key'] !== undefined
  if (isKeyed) checkCustomerKey(object, request.headers)
  const { crc32c, ...rest } = store.resource(bucket.name, object, fields)
  return json(isKeyed && crc32c !== undefined ? { ...rest, crc32c } : rest)
}

/** Refusals of a download are plain text, which the server calls HTML. */
function download(store: BucketStore, bucket: FakeBucket, name: string, { headers }: ApiRequest): ApiAnswer {
  const object = bucket.objects.get(name)
  const type = { 'content-type': 'text/html; charset=UTF-8' }
  if (!object) return { status: 404, headers: type, body: `No such object: ${bucket.name}/${name}` }
  checkCustomerKey(object, headers)
  const { bytes } = object
  const common = {
    'content-type': object.contentType,
    'x-goog-generation': String(object.generation),
    'x-goog-hash': `crc32c=${store.checksumOf(object)}`,
    'x-goog-stored-content-encoding': 'identity',
    'x-goog-stored-content-length': String(bytes.length),
    'accept-ranges': 'bytes',
  }
  const { range } = headers
  if (range === undefined) return { status: 200, headers: common, body: bytes }
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? []
  if (from === '') throw new Misuse(`range ${range}`)
  const start = Number(from)
  if (start >= bytes.length) {
    return {
      status: 416,
      headers: { ...type, 'content-range': `bytes */${bytes.length}` },
      body: 'Requested range not satisfiable',
    }
  }
  const end = Math.min(to === '' ? Infinity : Number(to), bytes.length - 1)
  const contentRange = `bytes ${start}-${end}/${bytes.length}`
  return { status: 206, headers: { ...common, 'content-range': contentRange }, body: bytes.subarray(start, end + 1) }
}

function find({ objects, name: bucket }: FakeBucket, name: string): FakeObject {
  const object = objects.get(name)
  if (object) return object
  throw new ApiFailure(404, 'notFound', `No such object: ${bucket}/${name}`)
}
