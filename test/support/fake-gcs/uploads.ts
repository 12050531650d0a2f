import { ApiFailure, Misuse } from './api-failure.ts'
import { json, type ApiAnswer, type ApiRequest } from './api-request.ts'
import type { BucketStore, FakeBucket, ObjectSettings, Upload } from './bucket-store.ts'
import { customerKeyOf } from './customer-key.ts'

/** What an upload is told in its query and its metadata. */
export interface UploadRequest extends Omit<Upload, 'settings'> {
  readonly name: string
  readonly settings: ObjectSettings
  readonly fields: string | undefined
}

const METADATA = ['name', 'contentType', 'storageClass', 'crc32c']
const STORAGE_CLASSES = ['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE']

/** `POST /upload/storage/v1/b/BUCKET/o` with `uploadType` media or multipart: one request, one object. */
export function serveUpload(
  store: BucketStore,
  bucket: FakeBucket,
  type: 'media' | 'multipart',
  request: ApiRequest,
): ApiAnswer {
  const [metadata, bytes] = type === 'media' ? [Buffer.from('{}'), request.body] : splitMultipart(request)
  const upload = readUpload(request, metadata)
  const object = store.store(bucket, upload.name, bytes, upload)
  return json(store.resource(bucket.name, object, upload.fields))
}

/** Takes the query and the metadata of an upload apart. */
export function readUpload({ query, headers }: ApiRequest, metadata: Buffer): UploadRequest {
  const fields = query.take('fields')
  const ifGenerationMatch = query.take('ifGenerationMatch')
  const kmsKeyName = query.take('kmsKeyName')
  const named = query.take('name')
  query.end()
  const given = JSON.parse(metadata.toString() || '{}') as Readonly<Record<string, string | undefined>>
  const unknown = Object.keys(given).filter((field) => !METADATA.includes(field))
  if (unknown.length > 0) throw new Misuse(`metadata ${unknown.join(', ')}`)
  const { name = named, storageClass = 'STANDARD', contentType = 'application/octet-stream', crc32c } = given
  if (name === undefined || name === '') throw new ApiFailure(400, 'required', 'Required')
  if (!STORAGE_CLASSES.includes(storageClass)) throw new ApiFailure(400, 'invalid', 'The storage class is invalid.')
  const settings = { contentType, storageClass, kmsKeyName, customerKey: customerKeyOf(headers) }
  return { name, fields, ifGenerationMatch, crc32c, settings }
}

function splitMultipart({ headers, body }: ApiRequest): readonly [Buffer, Buffer] {
  const [, boundary] = /^multipart\/related; boundary=(\S+)$/.exec(headers['content-type'] ?? '') ?? []
  if (boundary === undefined) throw new Misuse(`content type ${headers['content-type'] ?? 'none'}`)
  const first = `--${boundary}\r\n`
  const between = `\r\n--${boundary}\r\n`
  const last = `\r\n--${boundary}--\r\n`
  const middle = body.indexOf(between)
  const end = body.length - Buffer.byteLength(last)
  if (body.indexOf(first) !== 0 || middle < 0 || end < middle || body.subarray(end).toString() !== last) {
    throw new ApiFailure(400, 'badRequest', 'Malformed multipart body.')
  }
  const metadata = withoutHeaders(body.subarray(Buffer.byteLength(first), middle), /^application\/json/)
  return [
    metadata,
    withoutHeaders(body.subarray(middle + Buffer.byteLength(between), end), /^application\/octet-stream/),
  ]
}

function withoutHeaders(part: Buffer, type: RegExp): Buffer {
  const end = part.indexOf('\r\n\r\n')
  const [, found = ''] = /^content-type: (.*)$/im.exec(part.subarray(0, end).toString()) ?? []
  if (end < 0 || !type.test(found)) throw new Misuse(`a part of type "${found}"`)
  return part.subarray(end + 4)
}
