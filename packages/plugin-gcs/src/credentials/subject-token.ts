import { StorageError } from '@walr/core/plugin'
import { field } from '@walr/plugin-kit/storage'
import {
  AwsClient,
  IdentityPoolClient,
  PluggableAuthClient,
  type AwsClientOptions,
  type IdentityPoolClientOptions,
  type PluggableAuthClientOptions,
} from 'google-auth-library'
import type { CredentialsFile } from './credentials-file.ts'
import { refused, unreachable, type TokenContext } from './token-request.ts'
import { TokenTransport } from './token-transport.ts'

/** Gets an identity from where the file says: a file, a URL, a program, or AWS. */
export async function subjectToken(
  file: CredentialsFile,
  { agents }: TokenContext,
  signal: AbortSignal,
): Promise<string> {
  const transport = new TokenTransport(agents, signal)
  try {
    const token = await createClient(file, transport).retrieveSubjectToken()
    signal.throwIfAborted()
    return token
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof StorageError) throw error
    throw translate(error, file, transport)
  }
}

/** Not with the library's `fromJSON`, which prints a warning. */
function createClient({ json, name }: CredentialsFile, transporter: TokenTransport) {
  const options = { ...json, transporter }
  // the library checks what is in the file
  const source = json['credential_source']
  if (field(source, 'environment_id') !== undefined) return new AwsClient(options as unknown as AwsClientOptions)
  if (field(source, 'executable') !== undefined) {
    return new PluggableAuthClient(options as unknown as PluggableAuthClientOptions)
  }
  if (field(source, 'certificate') !== undefined) {
    throw new StorageError(
      'AccessDenied',
      `${name} say that a certificate is the identity, which this plugin cannot use`,
    )
  }
  return new IdentityPoolClient(options as unknown as IdentityPoolClientOptions)
}

function translate(
  error: unknown,
  { name }: CredentialsFile,
  { lastRefusal, lastFailure }: TokenTransport,
): StorageError {
  const failed = `could not get the identity for ${name}`
  if (lastFailure !== undefined) return unreachable(`${failed} from ${lastFailure.origin}`, lastFailure.error)
  if (lastRefusal !== undefined) return refused(`${failed} from ${lastRefusal.origin}`, lastRefusal, lastRefusal.json)
  // No server was asked: something in the file, or in what it names, is not as it has to be. The cause is left out, since
  // errors of the library carry what they are about.
  const reason = error instanceof Error ? error.message : String(error)
  return new StorageError('AccessDenied', `${failed}: ${reason}`)
}
