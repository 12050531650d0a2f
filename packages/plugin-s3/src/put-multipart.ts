import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
  type CompleteMultipartUploadCommandOutput,
} from '@aws-sdk/client-s3'
import { StorageError, type PutConfirmation } from '@walr/core/plugin'
import { repeatTransient, type Part, type PartReader } from '@walr/plugin-kit/storage'
import { addressOf, type S3Access } from './access.ts'
import { checksumField } from './checksum-field.ts'
import { confirmPut, type Expectation } from './confirmation.ts'
import { createChecksum, digestOfDigests, type Digests } from './digests.ts'
import { s3StorageError } from './error-map.ts'
import { refuseExisting } from './head-object.ts'
import { customerKey, objectSettings } from './object-settings.ts'

/** S3's own limit. */
export const MAX_PARTS = 10_000
/** How long the parts of an upload that failed are given to be removed. */
const CLEANUP_TIMEOUT_MS = 5000

/** How {@link putMultipart} stores. */
export interface MultipartOptions {
  readonly ifAbsent: boolean
  readonly signal: AbortSignal
}

/**
 * Stores an object in parts, which become visible as one object at the end. Not with the SDK's `Upload`: it holds on to
 * borrowed chunks until a part is full, sends no MD5 with a part, and cannot look at the key before the end.
 *
 * With `ifAbsent` the key is looked at before the first part and again before the end, and the end carries the
 * condition for servers that honour it there. Radosgw does not: two writers that end in the same moment both succeed.
 */
export async function putMultipart(
  access: S3Access,
  key: string,
  parts: { readonly first: Part<Digests>; readonly reader: PartReader<Digests> },
  { ifAbsent, signal }: MultipartOptions,
): Promise<PutConfirmation> {
  if (ifAbsent) await refuseExisting(access, key, signal)
  const upload = await MultipartUpload.begin(access, key, signal)
  try {
    await upload.sendAll(parts.first, parts.reader)
    if (ifAbsent) await refuseExisting(access, key, signal)
    const answer = await upload.complete(ifAbsent && access.options.conditionalWrites)
    return await confirmPut(access, key, upload.expectation(parts.reader.given), answer, signal)
  } catch (error) {
    await upload.cancel()
    throw error
  }
}

class MultipartUpload {
  readonly #access: S3Access
  readonly #key: string
  readonly #uploadId: string
  readonly #signal: AbortSignal
  readonly #failed = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  readonly #sent: CompletedPart[] = []
  readonly #digests: Digests[] = []
  readonly #whole: ReturnType<typeof createChecksum>

  private constructor(access: S3Access, key: string, uploadId: string, signal: AbortSignal) {
    this.#access = access
    this.#key = key
    this.#uploadId = uploadId
    this.#signal = AbortSignal.any([signal, this.#failed.signal])
    this.#whole = createChecksum(access.options.checksumAlgorithm)
  }

  static async begin(access: S3Access, key: string, signal: AbortSignal): Promise<MultipartUpload> {
    const { client, options, context } = access
    const { checksumAlgorithm, requestChecksumCalculation } = options
    const command = new CreateMultipartUploadCommand({
      ...addressOf(access, key),
      ...objectSettings(options, context.now()),
      ...customerKey(options),
      ...(requestChecksumCalculation === 'WHEN_REQUIRED' ? {} : { ChecksumAlgorithm: checksumAlgorithm }),
    })
    const { UploadId } = await client.send(command, { abortSignal: signal })
    if (UploadId === undefined) throw new StorageError('Permanent', 'the server began an upload without an id')
    return new MultipartUpload(access, key, UploadId, signal)
  }

  /** Sends the first part and all that follow. Rejects with the first failure, at once. */
  async sendAll(first: Part<Digests>, reader: PartReader<Digests>): Promise<void> {
    const { partConcurrency } = this.#access.options
    try {
      for (let part = first; ; part = await reader.next(this.#signal)) {
        while (this.#underWay.size >= partConcurrency) await Promise.race(this.#underWay)
        this.#signal.throwIfAborted()
        this.#start(part, reader)
        if (part.isLast) break
      }
      await Promise.all(this.#underWay)
    } catch (error) {
      this.#failed.abort(error)
    }
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason
  }

  async complete(isConditional: boolean): Promise<Partial<CompleteMultipartUploadCommandOutput>> {
    const { client } = this.#access
    const command = new CompleteMultipartUploadCommand({
      ...this.#address(),
      MultipartUpload: { Parts: this.#sent },
      ...(isConditional ? { IfNoneMatch: '*' } : {}),
    })
    return repeatTransient(() => client.send(command, { abortSignal: this.#signal }), this.#retry())
  }

  /** Removes what was sent; what cannot be removed now is invisible, and a rule of the bucket should remove it. */
  async cancel(): Promise<void> {
    this.#failed.abort()
    await Promise.allSettled(this.#underWay) // a part that arrives later would stay
    const { client, context } = this.#access
    const abortSignal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS)
    try {
      await client.send(new AbortMultipartUploadCommand(this.#address()), { abortSignal })
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchUpload') return
      const reason = error instanceof Error ? error.message : String(error)
      context.log.warning(`parts of an upload of "${this.#key}" that failed could not be removed: ${reason}`)
    }
  }

  /** What the server should report of the whole object. */
  expectation(size: number): Expectation {
    const { checksumAlgorithm: algorithm } = this.#access.options
    const count = this.#digests.length
    const etag = digestOfDigests(
      'md5',
      this.#digests.map(({ md5 }) => md5),
    ).toString('hex')
    const composite = digestOfDigests(
      algorithm,
      this.#digests.map(({ checksum }) => checksum),
    ).toString('base64')
    return {
      size,
      algorithm,
      etag: `${etag}-${count}`,
      checksum: this.#whole.digest().toString('base64'),
      compositeChecksum: `${composite}-${count}`,
    }
  }

  #start(part: Part<Digests>, reader: PartReader<Digests>): void {
    const index = this.#digests.length
    if (index >= MAX_PARTS) {
      throw new StorageError(
        'Permanent',
        `more than ${MAX_PARTS} parts of ${part.bytes.length} bytes; raise "partSize"`,
      )
    }
    this.#digests.push(part.digests)
    this.#whole.update(part.bytes)
    const task = this.#send(part, index).then(
      () => reader.giveBack(part),
      (error: unknown) => this.#failed.abort(error),
    )
    this.#underWay.add(task)
    void task.then(() => this.#underWay.delete(task))
  }

  async #send({ bytes, digests }: Part<Digests>, index: number): Promise<void> {
    const { client, options } = this.#access
    const { md5, checksum } = digests
    const sums = checksumField(options, checksum)
    const command = new UploadPartCommand({
      ...this.#address(),
      ...sums,
      PartNumber: index + 1,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: md5.toString('base64'),
    })
    const send = async (): Promise<string | undefined> =>
      (await client.send(command, { abortSignal: this.#signal })).ETag
    const ETag = await repeatTransient(send, this.#retry())
    if (ETag === undefined) throw new StorageError('Permanent', `the server gave no ETag for part ${index + 1}`)
    this.#sent[index] = { ...sums, ETag, PartNumber: index + 1 }
  }

  #retry(): Parameters<typeof repeatTransient>[1] {
    return { signal: this.#signal, toStorageError: s3StorageError }
  }

  #address(): { Bucket: string; Key: string; UploadId: string } {
    return { ...addressOf(this.#access, this.#key), UploadId: this.#uploadId, ...customerKey(this.#access.options) }
  }
}
