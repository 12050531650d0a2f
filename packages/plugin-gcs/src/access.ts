import { createHash } from 'node:crypto'
import type { HookContext } from '@walr/core/plugin'
import type { ApiClient } from './api-client.ts'
import type { GcsOptions } from './options.ts'

/** What the operations of an opened storage share. */
export interface GcsAccess {
  readonly client: ApiClient
  readonly options: GcsOptions
  readonly context: HookContext
  /** Ends with a slash, or is empty; the name of an object in the bucket is this and the key. */
  readonly namePrefix: string
}

/** The path of all objects. */
export function collectionPath({ options }: GcsAccess): string {
  return `/storage/v1/b/${encodeURIComponent(options.bucket)}/o`
}

/** The path of one object. */
export function objectPath(access: GcsAccess, key: string): string {
  return `${collectionPath(access)}/${encodeURIComponent(access.namePrefix + key)}`
}

/** The headers of a key that the server does not keep, for whatever touches an object's bytes or checksums. */
export function customerKey({ encryptionKey }: GcsOptions): Record<string, string> {
  if (encryptionKey === undefined) return {}
  return {
    'x-goog-encryption-algorithm': 'AES256',
    'x-goog-encryption-key': encryptionKey,
    'x-goog-encryption-key-sha256': createHash('sha256').update(Buffer.from(encryptionKey, 'base64')).digest('base64'),
  }
}
