import type { S3Client } from '@aws-sdk/client-s3'
import type { HookContext } from '@walr/core/plugin'
import type { S3Options } from './options.ts'

/** What the operations of an opened storage share. */
export interface S3Access {
  readonly client: S3Client
  readonly options: S3Options
  readonly context: HookContext
  /** Ends with a slash, or is empty; the name of an object in the bucket is this and the key. */
  readonly namePrefix: string
  /** What was found out about the server since the storage was opened. */
  readonly known: { honoursConditions: boolean }
}

/** Bucket and name of an object, as the SDK's commands want them. */
export function addressOf({ options, namePrefix }: S3Access, key: string): { Bucket: string; Key: string } {
  return { Bucket: options.bucket, Key: namePrefix + key }
}
