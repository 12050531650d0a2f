import type { HookContext } from '@walr/core/plugin'
import { createAgents, readAuthorities } from '@walr/plugin-kit/storage'
import { ApiClient } from './api-client.ts'
import { findCredentials } from './credentials/find-credentials.ts'
import { TokenCache } from './credentials/token-cache.ts'
import { STORAGE_SCOPE } from './credentials/token-endpoints.ts'
import type { GcsOptions } from './options.ts'

/** Tokens are asked for seldom. */
const TOKEN_CONNECTIONS = 2
/** A metadata server is on the same machine, or nowhere. */
const METADATA_TIMEOUT_MS = 3000

/**
 * Makes what sends the requests. Nothing is sent yet, and no credentials are read.
 * @throws StorageError Permanent when `caFile` cannot be read.
 */
export async function createClient(options: GcsOptions, context: HookContext): Promise<ApiClient> {
  const ca = await readAuthorities(options.caFile, context.baseDirectory)
  const { connectTimeoutMs, requestTimeoutMs, maxConnections } = options
  const agents = createAgents({ maxConnections, connectTimeoutMs, requestTimeoutMs, ca })
  // who gives tokens is known to the public authorities
  const few = { maxConnections: TOKEN_CONNECTIONS, ca: undefined }
  const network = createAgents({ ...few, connectTimeoutMs, requestTimeoutMs })
  const metadata = createAgents({
    ...few,
    connectTimeoutMs: Math.min(connectTimeoutMs, METADATA_TIMEOUT_MS),
    requestTimeoutMs: Math.min(requestTimeoutMs, METADATA_TIMEOUT_MS),
  })
  const { now } = context
  const source = findCredentials(options, context, {
    network: { agents: network, now, scope: STORAGE_SCOPE },
    metadata: { agents: metadata, now, scope: STORAGE_SCOPE },
  })
  const tokens = source && new TokenCache(source, now)
  return new ApiClient({ options, agents, tokens, allAgents: [agents, network, metadata] })
}
