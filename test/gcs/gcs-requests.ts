import type { FaultAction, SeenRequest } from '../support/http-fault-proxy.ts'

/** A refusal in the form of the API. */
export function refusal(
  status: number,
  reason: string,
  { message = 'made up', headers = {} }: { message?: string; headers?: Readonly<Record<string, string>> } = {},
): FaultAction {
  const body = JSON.stringify({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } })
  return { status, body, headers: { 'content-type': 'application/json; charset=UTF-8', ...headers } }
}

/**
 * Options with a short limit of silence where the fault is silence. Everywhere else a machine that is busy must not look
 * like a server that says nothing.
 */
export function patienceFor(action: FaultAction): { readonly requestTimeoutMs?: number } {
  return action === 'hang' || action === 'stalled-body' ? { requestTimeoutMs: 300 } : {}
}

/** Stores an object with one request. */
export function isSingle({ method, path }: SeenRequest): boolean {
  return method === 'POST' && path.includes('uploadType=multipart')
}

/** Begins an upload in chunks. */
export function isBegin({ method, path }: SeenRequest): boolean {
  return method === 'POST' && path.includes('uploadType=resumable')
}

/** Sends bytes of an upload in chunks. */
export function isChunk({ method, headers }: SeenRequest): boolean {
  return method === 'PUT' && headers['content-range']?.startsWith('bytes */') === false
}

/** The chunk that ends an upload. */
export function isLastChunk(seen: SeenRequest): boolean {
  return isChunk(seen) && seen.headers['content-range']?.endsWith('/*') === false
}

/** Asks how far an upload in chunks is. */
export function isQuestion({ method, headers }: SeenRequest): boolean {
  return method === 'PUT' && headers['content-range'] === 'bytes */*'
}

/** Gives up an upload in chunks. */
export function isCancel({ method, path }: SeenRequest): boolean {
  return method === 'DELETE' && path.includes('upload_id')
}

/** Reads an object's bytes. */
export function isDownload({ method, path }: SeenRequest): boolean {
  return method === 'GET' && path.includes('alt=media')
}

/** Lists, or asks what there is under a name. */
export function isListing({ method, path }: SeenRequest): boolean {
  return method === 'GET' && path.includes('/o?')
}

/** Asks about one object. */
export function isHead(seen: SeenRequest): boolean {
  return seen.method === 'GET' && !isListing(seen) && !isDownload(seen)
}

/** Bytes that come in pieces. */
