import { ApiFailure, Misuse } from './api-failure.ts'
import type { ApiAnswer, ApiRequest } from './api-request.ts'
import type { BucketStore } from './bucket-store.ts'
import { serveListing } from './listing.ts'
import { serveObject } from './objects.ts'
import type { ResumableUploads } from './resumable-uploads.ts'
import { serveUpload } from './uploads.ts'

/** Finds who serves a request. */
export function serveApi(
  { store, sessions }: { readonly store: BucketStore; readonly sessions: ResumableUploads },
  request: ApiRequest,
  origin: string,
): ApiAnswer {
  const { path, method, query } = request
  const [, upload, bucketPart = '', objectPart] =
    /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?$/.exec(path) ?? []
  if (bucketPart === '') throw new Misuse(`path ${path}`)
  const bucketName = decodeURIComponent(bucketPart)
  if (upload !== undefined) {
    if (objectPart !== undefined) throw new Misuse(`path ${path}`)
    const type = query.take('uploadType')
    const id = query.take('upload_id')
    // the URL of an upload is all the permission that it needs
    if (id !== undefined) return sessions.serve(id, request)
    if (method !== 'POST') throw new Misuse(`${method} of an upload`)
    const bucket = store.open(bucketName, request)
    if (type === 'resumable') return sessions.begin(bucket, request, origin)
    if (type === 'media' || type === 'multipart') return serveUpload(store, bucket, type, request)
    throw new ApiFailure(400, 'badRequest', 'Invalid upload type.')
  }
  if (objectPart !== undefined) {
    return serveObject(store, store.open(bucketName, request), decodeURIComponent(objectPart), request)
  }
  if (method !== 'GET') throw new Misuse(`${method} of a bucket's objects`)
  return serveListing(store, store.open(bucketName, request), request)
}
