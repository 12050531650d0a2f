import { createHash } from 'node:crypto'
import type { BlockBlobUploadOptions, CpkInfo } from '@azure/storage-blob'
import type { AzureOptions } from './options.ts'

/** What every request for an object's bytes carries when the server does not keep their key. */
export function customerKey({ customerProvidedKey }: AzureOptions): { readonly customerProvidedKey?: CpkInfo } {
  if (customerProvidedKey === undefined) return {}
  const sha256 = createHash('sha256').update(Buffer.from(customerProvidedKey, 'base64')).digest('base64')
  const key = {
    encryptionKey: customerProvidedKey,
    encryptionKeySha256: sha256,
    encryptionAlgorithm: 'AES256',
  } as const
  return { customerProvidedKey: key }
}

/** How the bytes of a new object, or of a part of it, are encrypted. */
export function encryptionOf(options: AzureOptions): Pick<BlockBlobUploadOptions, 'encryptionScope'> & {
  readonly customerProvidedKey?: CpkInfo
} {
  const { encryptionScope } = options
  return { ...customerKey(options), ...(encryptionScope === undefined ? {} : { encryptionScope }) }
}

/** What a new object gets beside its bytes. @param md5 of all of them. */
export function objectSettings(
  options: AzureOptions,
  md5: Buffer,
  ifAbsent: boolean,
): Pick<BlockBlobUploadOptions, 'blobHTTPHeaders' | 'conditions' | 'tier' | 'encryptionScope' | 'customerProvidedKey'> {
  return {
    blobHTTPHeaders: { blobContentMD5: md5, blobContentType: 'application/octet-stream' },
    conditions: ifAbsent ? { ifNoneMatch: '*' } : {},
    ...encryptionOf(options),
    ...(options.accessTier === undefined ? {} : { tier: options.accessTier }),
  }
}
