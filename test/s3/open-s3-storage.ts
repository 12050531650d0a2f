import type { HookContext, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-s3/src/options.ts'
import { openS3Storage } from '../../packages/plugin-s3/src/storage.ts'
import type { S3Credentials } from '../support/radosgw/radosgw.ts'
import { recordedContext } from '../support/recorded-context.ts'

/** The part of a server that a client needs to know. */
export interface S3Server extends S3Credentials {
  readonly endpoint: string
}

/** Opens the plugin's storage on a server, with small parts. */
export async function openOnServer(
  { endpoint, accessKeyId, secretAccessKey }: S3Server,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, region: 'default', accessKeyId, secretAccessKey }
  return openS3Storage(parseOptions({ ...place, partSize: '5MiB', ...options }), context)
}
