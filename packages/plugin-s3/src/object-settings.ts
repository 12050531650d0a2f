import { createHash } from 'node:crypto'
import type { PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { S3Options } from './options.ts'

const DAY_MS = 86_400_000

type Settings = Pick<
  PutObjectCommandInput,
  | 'StorageClass'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'Tagging'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'ObjectLockLegalHoldStatus'
>

/** What the SDK sends with every request for an object whose key the server does not keep. */
export interface CustomerKey {
  readonly SSECustomerAlgorithm: string
  readonly SSECustomerKey: string
  readonly SSECustomerKeyMD5: string
}

/** What new objects get beside their bytes. A lock is counted from `now`. */
export function objectSettings(options: S3Options, now: Date): Settings {
  const { storageClass, sseAlgorithm, kmsKeyId, tags, objectLockMode, objectLockDays, objectLockLegalHold } = options
  // not URLSearchParams, whose "+" for a space some servers keep as it is
  const tagging = Object.entries(tags)
    .map((tag) => tag.map(encodeURIComponent).join('='))
    .join('&')
  return {
    // the SDK lists the classes of AWS; other servers have others
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as NonNullable<Settings['StorageClass']> }),
    ...(sseAlgorithm === undefined ? {} : { ServerSideEncryption: sseAlgorithm }),
    ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
    ...(tagging === '' ? {} : { Tagging: tagging }),
    ...(objectLockMode === undefined || objectLockDays === undefined
      ? {}
      : {
          ObjectLockMode: objectLockMode,
          ObjectLockRetainUntilDate: new Date(now.getTime() + objectLockDays * DAY_MS),
        }),
    ...(objectLockLegalHold ? { ObjectLockLegalHoldStatus: 'ON' } : {}),
  }
}

/** The fields of SSE-C for a put, a part, a get and a head; none without a key. */
export function customerKey({ sseCustomerKey }: S3Options): CustomerKey | Record<string, never> {
  if (sseCustomerKey === undefined) return {}
  const md5 = createHash('md5').update(Buffer.from(sseCustomerKey, 'base64')).digest('base64')
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: sseCustomerKey, SSECustomerKeyMD5: md5 }
}
