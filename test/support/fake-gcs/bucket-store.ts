import { createHash } from 'node:crypto'
import { ApiFailure } from './api-failure.ts'
import type { ApiRequest } from './api-request.ts'
import { crc32cOf } from './castagnoli.ts'

/** What a bucket is made with. */
export interface BucketSettings {
  /** Accounts that may do everything in it; `allUsers` stands for everybody. */
  readonly accounts: readonly string[]
  readonly requesterPays?: boolean
}

/** What an upload gives to an object beside its bytes. */
export interface ObjectSettings {
  readonly contentType: string
  readonly storageClass: string
  readonly kmsKeyName: string | undefined
  /** SHA-256 of the customer's key, base64. */
  readonly customerKey: string | undefined
}

export interface FakeObject extends ObjectSettings {
  readonly name: string
  readonly bytes: Buffer
  readonly generation: number
  readonly createdAt: Date
  /** What it has, unless a test makes the server misreport. */
  readonly crc32c: string
}

/** A bucket and its objects, by name. */
export interface FakeBucket extends BucketSettings {
  readonly name: string
  readonly objects: Map<string, FakeObject>
}

/** All buckets. */
export class BucketStore {
  readonly #buckets = new Map<string, FakeBucket>()
  #lastGeneration = Date.now() * 1000
  /** Told of every object instead of its own checksum. */
  misreportedChecksum: string | undefined
  /** A bit of the bytes of every upload is turned, as if it happened on the way. */
  damagesUploads = false

  create(name: string, settings: BucketSettings): void {
    this.#buckets.set(name, { ...settings, name, objects: new Map() })
  }

  /** The bucket, for a request that may use it. */
  open(name: string, { account, query }: ApiRequest): FakeBucket {
    const userProject = query.take('userProject')
    const bucket = this.#buckets.get(name)
    if (!bucket) throw new ApiFailure(404, 'notFound', 'The specified bucket does not exist.')
    const isOpen = bucket.accounts.includes('allUsers')
    if (!isOpen && account === undefined) {
      const message = 'Anonymous caller does not have storage.objects access to the Google Cloud Storage bucket.'
      throw new ApiFailure(401, 'required', message)
    }
    if (!isOpen && account !== undefined && !bucket.accounts.includes(account)) {
      throw new ApiFailure(403, 'forbidden', `${account} does not have storage.objects access to the bucket.`)
    }
    if (bucket.requesterPays === true && userProject === undefined) {
      throw new ApiFailure(400, 'required', 'Bucket is a requester pays bucket but no user project provided.')
    }
    return bucket
  }

  find(bucket: string, name: string): FakeObject | undefined {
    return this.#buckets.get(bucket)?.objects.get(name)
  }

  /** Puts other bytes there, past all checksums. */
  damage(bucket: string, name: string): void {
    const object = this.find(bucket, name)
    if (!object) throw new Error(`no ${name} in ${bucket}`)
    this.#buckets.get(bucket)?.objects.set(name, { ...object, bytes: turnBit(object.bytes) })
  }

  /** Creates or replaces an object, at once. */
  store(bucket: FakeBucket, name: string, received: Buffer, upload: Upload): FakeObject {
    checkGeneration(bucket, name, upload.ifGenerationMatch)
    const bytes = this.damagesUploads ? turnBit(received) : received
    const crc32c = crc32cOf(bytes)
    if (upload.crc32c !== undefined && upload.crc32c !== crc32c) {
      const message = `Provided CRC32C "${upload.crc32c}" doesn't match calculated CRC32C "${crc32c}".`
      throw new ApiFailure(400, 'invalid', message)
    }
    this.#lastGeneration += 1
    const { settings } = upload
    const object = { ...settings, name, bytes, crc32c, generation: this.#lastGeneration, createdAt: new Date() }
    bucket.objects.set(name, object)
    return object
  }

  /** The checksum that is told of an object. */
  checksumOf({ crc32c }: FakeObject): string {
    return this.misreportedChecksum ?? crc32c
  }

  /** The resource of the API, with the fields that were asked for. */
  resource(bucket: string, object: FakeObject, fields: string | undefined): Readonly<Record<string, unknown>> {
    const { name, bytes, generation, createdAt, contentType, storageClass, kmsKeyName } = object
    const all = {
      kind: 'storage#object',
      id: `${bucket}/${name}/${generation}`,
      name,
      bucket,
      generation: String(generation),
      metageneration: '1',
      contentType,
      storageClass,
      size: String(bytes.length),
      md5Hash: createHash('md5').update(bytes).digest('base64'),
      crc32c: this.checksumOf(object),
      timeCreated: createdAt.toISOString(),
      updated: createdAt.toISOString(),
      ...(kmsKeyName === undefined ? {} : { kmsKeyName: `${kmsKeyName}/cryptoKeyVersions/1` }),
    }
    if (fields === undefined) return all
    const wanted = new Set(fields.split(','))
    return Object.fromEntries(Object.entries(all).filter(([field]) => wanted.has(field)))
  }
}

/** An upload that is complete. */
export interface Upload {
  readonly settings: ObjectSettings
  readonly ifGenerationMatch: string | undefined
  /** What the client says it sent. */
  readonly crc32c: string | undefined
}

/** @throws ApiFailure 412 unless the object is of this generation; `0` stands for none. */
export function checkGeneration(bucket: FakeBucket, name: string, ifGenerationMatch: string | undefined): void {
  const generation = String(bucket.objects.get(name)?.generation ?? 0)
  if (ifGenerationMatch === undefined || ifGenerationMatch === generation) return
  throw new ApiFailure(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.')
}

function turnBit(bytes: Buffer): Buffer {
  const turned = Buffer.from(bytes)
  if (turned.length > 0) turned.writeUInt8(turned.readUInt8(turned.length >> 1) ^ 1, turned.length >> 1)
  return turned
}
