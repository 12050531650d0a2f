import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { parentPort } from 'node:worker_threads'

// A fake of the service, in memory. It runs on a thread of its own, where what it keeps does not count as memory of the
// storage; running-server.ts starts it. Tests against a real server tell more: replace it where there is one.

const TOKEN = 'the right one'
const buckets = new Map<string, Map<string, StoredBytes>>()

const server = createServer((request, response) => {
  // A request that is cut stores nothing.
  answer(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => parentPort?.postMessage(server.address()))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method } = request
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const [bucket = '', ...parts] = url.pathname.slice(1).split('/').map(decodeURIComponent)
  const key = parts.join('/')
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(response, 403, 'Denied')
  if (key === '' && method === 'PUT') {
    buckets.set(bucket, new Map())
    return json(response, 201, {})
  }
  const objects = buckets.get(bucket)
  if (objects === undefined) return refuse(response, 404, 'NoSuchBucket')
  if (key === '' && method === 'DELETE') buckets.delete(bucket)
  if (key === '') return json(response, 200, page(objects, url.searchParams))
  if (method === 'PUT') return put(objects, key, request, response)
  const object = objects.get(key)
  if (object === undefined) return refuse(response, 404, 'NoSuchKey')
  if (method !== 'DELETE') return give(object, request, response)
  objects.delete(key)
  response.writeHead(204).end()
}

interface StoredBytes {
  readonly bytes: Buffer
  readonly modifiedAt: Date
}

async function put(
  objects: Map<string, StoredBytes>,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (request.headers['if-none-match'] === '*' && objects.has(key)) return refuse(response, 412, 'Exists')
  const bytes = Buffer.concat(chunks)
  objects.set(key, { bytes, modifiedAt: new Date() })
  json(response, 201, { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
}

function give({ bytes, modifiedAt }: StoredBytes, request: IncomingMessage, response: ServerResponse): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  if (from !== undefined && Number(from) >= bytes.length) return refuse(response, 416, 'RangeBehindEnd')
  const end = to === undefined || to === '' ? bytes.length : Math.min(Number(to) + 1, bytes.length)
  const part = from === undefined ? bytes : bytes.subarray(Number(from), end)
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': part.length,
    'last-modified': modifiedAt.toUTCString(),
  })
  response.end(request.method === 'HEAD' ? undefined : part)
}

function page(objects: ReadonlyMap<string, StoredBytes>, query: URLSearchParams): unknown {
  const prefix = query.get('prefix') ?? ''
  const after = Buffer.from(query.get('after') ?? '')
  const found = [...objects]
    .filter(([key]) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), after) > 0)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, { bytes, modifiedAt }]) => ({ key, size: bytes.length, modifiedAt }))
  return { objects: found.slice(0, 1000), isComplete: found.length <= 1000 }
}

function json(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
}

function refuse(response: ServerResponse, status: number, word: string): void {
  response.writeHead(status, { 'x-error': word }).end()
}
