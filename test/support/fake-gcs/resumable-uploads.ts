import { randomUUID } from 'node:crypto'
import { ApiFailure, Misuse } from './api-failure.ts'
import { json, type ApiAnswer, type ApiRequest } from './api-request.ts'
import { checkGeneration, type BucketStore, type FakeBucket } from './bucket-store.ts'
import { customerKeyOf } from './customer-key.ts'
import { readUpload, type UploadRequest } from './uploads.ts'

const CHUNK_UNIT = 256 * 1024

interface Session {
  readonly bucket: FakeBucket
  readonly upload: UploadRequest
  readonly chunks: Buffer[]
  persisted: number
  /** The object's resource, when it is complete. */
  result: Readonly<Record<string, unknown>> | undefined
}

/** Uploads in chunks, each at a URL of its own. */
export class ResumableUploads {
  readonly #store: BucketStore
  readonly #sessions = new Map<string, Session>()
  /** Of the next chunk only so many bytes are taken. */
  takesOfNextChunk: number | undefined

  constructor(store: BucketStore) {
    this.#store = store
  }

  get underWay(): number {
    return [...this.#sessions.values()].filter(({ result }) => result === undefined).length
  }

  /** `POST /upload/storage/v1/b/BUCKET/o?uploadType=resumable`. */
  begin(bucket: FakeBucket, request: ApiRequest, origin: string): ApiAnswer {
    const upload = readUpload(request, request.body)
    checkGeneration(bucket, upload.name, upload.ifGenerationMatch)
    const id = randomUUID()
    this.#sessions.set(id, { bucket, upload, chunks: [], persisted: 0, result: undefined })
    const place = `/upload/storage/v1/b/${encodeURIComponent(bucket.name)}/o`
    const location = `${origin}${place}?uploadType=resumable&name=${encodeURIComponent(upload.name)}&upload_id=${id}`
    return { status: 200, headers: { location, 'x-guploader-uploadid': id } }
  }

  /** `PUT` of a chunk or a question, and `DELETE`, of a session's URL. */
  serve(id: string, request: ApiRequest): ApiAnswer {
    const session = this.#sessions.get(id)
    if (!session) throw new ApiFailure(404, 'notFound', 'Not Found')
    request.query.take('name')
    request.query.end()
    if (request.method === 'DELETE') {
      if (session.result) throw new ApiFailure(404, 'notFound', 'Not Found')
      this.#sessions.delete(id)
      return { status: 499 }
    }
    if (request.method !== 'PUT') throw new Misuse(`${request.method} of an upload`)
    if (customerKeyOf(request.headers) !== session.upload.settings.customerKey) {
      throw new ApiFailure(400, 'customerEncryptionKeyIsIncorrect', 'The provided encryption key is incorrect.')
    }
    return session.result ? json(session.result) : this.#put(session, request)
  }

  #put(session: Session, { headers, body }: ApiRequest): ApiAnswer {
    const range = headers['content-range'] ?? ''
    const [, first, last, total = ''] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(range) ?? []
    if (total === '') throw new Misuse(`content range "${range}"`)
    if (first === undefined || last === undefined) {
      if (body.length > 0) throw new Misuse('a question with a body')
    } else {
      if (body.length !== Number(last) - Number(first) + 1) throw new ApiFailure(400, 'badRequest', 'Invalid length.')
      if (Number(first) !== session.persisted) {
        throw new ApiFailure(503, 'backendError', 'Invalid request. The offset is not where the upload stands.')
      }
      if (total === '*' && body.length % CHUNK_UNIT !== 0) {
        throw new ApiFailure(400, 'badRequest', 'Chunks have to be a multiple of 256 KiB, but the last one.')
      }
      this.#take(session, body)
    }
    const isComplete = total !== '*' && Number(total) === session.persisted
    return isComplete ? this.#finish(session, headers['x-goog-hash']) : incomplete(session)
  }

  #take(session: Session, body: Buffer): void {
    const taken = body.subarray(0, this.takesOfNextChunk ?? body.length)
    this.takesOfNextChunk = undefined
    session.chunks.push(Buffer.from(taken))
    session.persisted += taken.length
  }

  #finish(session: Session, header: string | string[] | undefined): ApiAnswer {
    const [, sent] = /crc32c=([^,]+)/.exec(String(header)) ?? []
    const { upload, bucket, chunks } = session
    const checked = { ...upload, crc32c: sent ?? upload.crc32c }
    const object = this.#store.store(bucket, upload.name, Buffer.concat(chunks), checked)
    session.result = this.#store.resource(bucket.name, object, upload.fields)
    chunks.length = 0
    return json(session.result)
  }
}

function incomplete({ persisted }: Session): ApiAnswer {
  return { status: 308, headers: persisted > 0 ? { range: `bytes=0-${persisted - 1}` } : {} }
}
