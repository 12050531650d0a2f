import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { HookContext } from '@walr/core/plugin'
import { createAgents, readAuthorities } from '@walr/plugin-kit/storage'
import type { S3Options } from './options.ts'

/**
 * Makes the SDK's client. Nothing is sent yet.
 * @throws StorageError Permanent when `caFile` cannot be read.
 */
export async function createClient(options: S3Options, context: HookContext): Promise<S3Client> {
  const { endpoint, forcePathStyle, requestChecksumCalculation, region } = options
  const agents = createAgents({ ...options, ca: await readAuthorities(options.caFile, context.baseDirectory) })
  // Failed commands are also thrown, and are not always failures: an object that is there already is news to nobody.
  const warn = (...content: unknown[]): void => {
    const text = content.filter((part) => typeof part === 'string').join(' ')
    if (text !== '') context.log.warning(text)
  }
  const quiet = (): void => undefined
  return new S3Client({
    ...((await credentialsOf(options)) ?? {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? (endpoint === undefined ? {} : { region: 'us-east-1' }) : { region }),
    forcePathStyle,
    requestChecksumCalculation,
    // what is read is checked by its length here, and by its codecs and WAL's own checks in walr
    responseChecksumValidation: 'WHEN_REQUIRED',
    // walr repeats what is transient; parts are repeated in put-multipart.ts
    maxAttempts: 1,
    // the SDK would make a connection of its own for each such request
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({ httpAgent: agents.http, httpsAgent: agents.https, socketTimeout: 0 }),
    logger: { debug: quiet, info: quiet, warn, error: quiet },
  })
}

/** Keys or profile of the options, and the role on top of them; without any the SDK looks at all its places. */
async function credentialsOf(options: S3Options): Promise<Pick<S3ClientConfig, 'credentials'> | undefined> {
  const { accessKeyId, secretAccessKey, sessionToken, profile, assumeRole, region } = options
  const own =
    accessKeyId === undefined || secretAccessKey === undefined
      ? undefined
      : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
  if (profile === undefined && assumeRole === undefined) return own && { credentials: own }
  const { fromIni, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers')
  const base = own ?? (profile === undefined ? undefined : fromIni({ profile }))
  if (assumeRole === undefined) return base && { credentials: base }
  const { roleArn, externalId, sessionName } = assumeRole
  return {
    credentials: fromTemporaryCredentials({
      ...(base === undefined ? {} : { masterCredentials: base }),
      ...(region === undefined ? {} : { clientConfig: { region } }),
      params: {
        RoleArn: roleArn,
        RoleSessionName: sessionName,
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
      },
    }),
  }
}
