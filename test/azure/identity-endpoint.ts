import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

/** What the identity endpoint answers. */
export type TokenAnswer = 'token' | 'refused' | 'broken' | 'silence'

/** A fake of the endpoint where an Azure App Service gives tokens of its managed identity to its processes. */
export interface IdentityEndpoint extends AsyncDisposable {
  /** What a process there has in its environment. */
  readonly environment: Readonly<Record<'IDENTITY_ENDPOINT' | 'IDENTITY_HEADER', string>>
  /** The queries so far. */
  readonly queries: URLSearchParams[]
  answer: TokenAnswer
}

/** Starts one on a free port of 127.0.0.1. */
export async function startIdentityEndpoint(): Promise<IdentityEndpoint> {
  const queries: URLSearchParams[] = []
  const server = createServer((request, response) => {
    queries.push(new URL(request.url ?? '', 'http://identity').searchParams)
    reply(response, endpoint.answer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the identity endpoint does not listen')
  const endpoint: IdentityEndpoint = {
    environment: { IDENTITY_ENDPOINT: `http://127.0.0.1:${address.port}/msi/token`, IDENTITY_HEADER: 'walr-header' },
    queries,
    answer: 'token',
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return endpoint
}

function reply(response: ServerResponse, answer: TokenAnswer): void {
  const now = Math.floor(Date.now() / 1000)
  const json = (status: number, content: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
  }
  if (answer === 'token') json(200, { access_token: unsignedToken(now), expires_on: now + 3600, token_type: 'Bearer' })
  else if (answer === 'refused') json(400, { error: 'invalid_request', error_description: 'Identity not found' })
  else if (answer === 'broken') response.socket?.resetAndDestroy()
}

/** What azurite accepts with `--oauth basic`: it looks at all but the signature. */
function unsignedToken(now: number): string {
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/walr/',
    iat: now - 60,
    nbf: now - 60,
  }
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ ...claims, exp: now + 3600 })}.c2lnbmVk`
}
