import { createHash } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { StorageError } from '@walr/core/plugin'
import { addressOf, type S3Access } from './access.ts'
import { s3StorageError } from './error-map.ts'
import { customerKey } from './object-settings.ts'

/** The key of the object that is put twice to see whether the second put is refused. Listings leave it out. */
export const PROBE_KEY = '.walr-conditional-write'

const PROBE_BYTES = Buffer.from('walr writes this object to see whether the server honours "If-None-Match: *".\n')

/**
 * Makes sure that the server honours `If-None-Match: *`; to be called before each put that relies on it. There are
 * servers that take the header, ignore it and overwrite: no error would ever show that. Costs one small request while
 * nothing is known of the server, two the first time of all.
 * @throws StorageError Permanent when the server would overwrite.
 */
export async function proveConditionalWrites(access: S3Access, signal: AbortSignal): Promise<void> {
  if (access.known.honoursConditions) return
  if ((await putProbe(access, signal)) === 'stored' && (await putProbe(access, signal)) === 'stored') {
    throw new StorageError(
      'Permanent',
      'the server ignores "If-None-Match: *", so it would overwrite objects; use a newer version of it, ' +
        'or set "conditionalWrites" to false and make sure that only one walr writes',
    )
  }
  access.known.honoursConditions = true
}

async function putProbe(access: S3Access, signal: AbortSignal): Promise<'stored' | 'refused'> {
  const command = new PutObjectCommand({
    ...addressOf(access, PROBE_KEY),
    ...customerKey(access.options),
    Body: PROBE_BYTES,
    ContentMD5: createHash('md5').update(PROBE_BYTES).digest('base64'),
    IfNoneMatch: '*',
  })
  try {
    await access.client.send(command, { abortSignal: signal })
    return 'stored'
  } catch (error) {
    if (s3StorageError(error, '').code === 'AlreadyExists') return 'refused'
    throw error
  }
}
