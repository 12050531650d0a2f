import type { PutConfirmation, PutOptions } from '@walr/core/plugin'
import type { Part } from '@walr/plugin-kit/storage'
import { blobOf, type AzureAccess } from './access.ts'
import { confirmPut } from './confirmation.ts'
import { objectSettings } from './write-settings.ts'

/** Stores an object with one request, which the server carries out as a whole or not at all. */
export async function putSingle(
  access: AzureAccess,
  key: string,
  { bytes, digests: md5 }: Part<Buffer>,
  { ifAbsent, signal }: PutOptions,
): Promise<PutConfirmation> {
  const answer = await blobOf(access, key).upload(bytes, bytes.length, {
    ...objectSettings(access.options, md5, ifAbsent),
    transactionalContentMD5: md5,
    abortSignal: signal,
  })
  return confirmPut(access, key, { size: bytes.length, md5, isChecksumOfServer: true }, { answer, signal })
}
