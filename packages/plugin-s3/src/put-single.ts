import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { PutConfirmation } from '@walr/core/plugin'
import type { Part } from '@walr/plugin-kit/storage'
import { addressOf, type S3Access } from './access.ts'
import { checksumField } from './checksum-field.ts'
import { confirmPut } from './confirmation.ts'
import type { Digests } from './digests.ts'
import { customerKey, objectSettings } from './object-settings.ts'

/** Stores an object with one request, which the server carries out as a whole or not at all. */
export async function putSingle(
  access: S3Access,
  key: string,
  part: Part<Digests>,
  { isConditional, signal }: { readonly isConditional: boolean; readonly signal: AbortSignal },
): Promise<PutConfirmation> {
  const { client, options, context } = access
  const { bytes, digests } = part
  const { md5, checksum } = digests
  const command = new PutObjectCommand({
    ...addressOf(access, key),
    ...objectSettings(options, context.now()),
    ...customerKey(options),
    ...checksumField(options, checksum),
    Body: bytes,
    ContentLength: bytes.length,
    ContentMD5: md5.toString('base64'),
    ...(isConditional ? { IfNoneMatch: '*' } : {}),
  })
  const answer = await client.send(command, { abortSignal: signal })
  const expected = {
    size: bytes.length,
    algorithm: options.checksumAlgorithm,
    etag: md5.toString('hex'),
    checksum: checksum.toString('base64'),
    compositeChecksum: undefined,
  }
  return confirmPut(access, key, expected, answer, signal)
}
