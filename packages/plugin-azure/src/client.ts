import { createHash } from 'node:crypto'
import {
  AnonymousCredential,
  ContainerClient,
  newPipeline,
  StorageSharedKeyCredential,
  type RequestPolicyFactory,
} from '@azure/storage-blob'
import type { HookContext } from '@walr/core/plugin'
import { createAgents, readAuthorities } from '@walr/plugin-kit/storage'
import { createTokenCredential } from './credentials.ts'
import type { AzureOptions } from './options.ts'
import type { Authorization } from './place.ts'

/** The SDK's client and what ends its connections. */
export interface AzureClient {
  readonly container: ContainerClient
  readonly close: () => void
}

/**
 * Makes the SDK's client. Nothing is sent yet.
 * @throws StorageError Permanent when `caFile` cannot be read.
 */
export async function createClient(options: AzureOptions, context: HookContext): Promise<AzureClient> {
  const { containerUrl, authorization } = options.place
  const agents = createAgents({ ...options, ca: await readAuthorities(options.caFile, context.baseDirectory) })
  const pipeline = newPipeline(credentialOf(authorization, options.requestTimeoutMs), {
    // walr repeats what is transient; blocks are repeated in put-blocks.ts
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: 'walr' },
  })
  pipeline.factories.push(requestSettings(agents))
  const url = authorization.kind === 'sas' ? `${containerUrl}?${authorization.token}` : containerUrl
  return {
    container: new ContainerClient(url, pipeline),
    close: () => {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

/** Sends over our own connections, which are watched, and texts (the list of blocks) with their MD5. */
function requestSettings({ http, https }: ReturnType<typeof createAgents>): RequestPolicyFactory {
  return {
    create: (next) => ({
      sendRequest: (request) => {
        const body: unknown = request.body
        if (typeof body === 'string')
          request.headers.set('content-md5', createHash('md5').update(body).digest('base64'))
        return next.sendRequest(Object.assign(request, { agent: request.url.startsWith('https:') ? https : http }))
      },
    }),
  }
}

function credentialOf(
  authorization: Authorization,
  timeoutMs: number,
): StorageSharedKeyCredential | AnonymousCredential | ReturnType<typeof createTokenCredential> {
  if (authorization.kind === 'sas') return new AnonymousCredential()
  if (authorization.kind === 'token') return createTokenCredential(authorization, timeoutMs)
  return new StorageSharedKeyCredential(authorization.accountName, authorization.accountKey)
}
