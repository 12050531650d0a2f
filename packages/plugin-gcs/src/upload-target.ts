import { collectionPath, customerKey, type GcsAccess } from './access.ts'
import { RESOURCE_FIELDS } from './object-resource.ts'

/** How an object is created. */
export interface UploadOptions {
  readonly ifAbsent: boolean
  readonly signal: AbortSignal
}

/** The request that begins an upload, without its body. */
export function uploadCall(access: GcsAccess, uploadType: 'multipart' | 'resumable', options: UploadOptions) {
  const { kmsKeyName } = access.options
  return {
    method: 'POST',
    target: `/upload${collectionPath(access)}`,
    query: {
      uploadType,
      fields: RESOURCE_FIELDS,
      ifGenerationMatch: options.ifAbsent ? '0' : undefined,
      kmsKeyName,
    },
    headers: customerKey(access.options),
    signal: options.signal,
  }
}

/** What a new object gets beside its bytes, as JSON. */
export function uploadMetadata({ options, namePrefix }: GcsAccess, key: string, crc32c?: Buffer): Buffer {
  const { storageClass } = options
  return Buffer.from(
    JSON.stringify({
      name: namePrefix + key,
      contentType: 'application/octet-stream',
      storageClass,
      crc32c: crc32c?.toString('base64'),
    }),
  )
}
