import { StorageError, type ByteSource, type Storage, type StoredObject } from '@walr/core/plugin'
import { DavClient, type DavPlace } from './dav-client.ts'
import { decodePath } from './dav-listing.ts'

const DELETIONS_AT_ONCE = 8

/** A storage in a folder of a WebDAV server: a key is a path below it. */
export function openStorage(place: DavPlace): Storage {
  const dav = new DavClient(place)

  const urlOf = (key: string): string => place.base + key.split('/').map(encodeURIComponent).join('/')
  const notFound = async (url: string, signal: AbortSignal): Promise<StorageError> => {
    await dav.assertBase(signal)
    return new StorageError('NotFound', `there is no object at ${url}`)
  }

  /** Folder by folder, each sorted as if the folders in it ended in a slash: that is the order of the keys. */
  async function* walk(folder: string, prefix: string, startAfter: string, signal: AbortSignal): Keys {
    const itself = decodePath(urlOf(folder))
    const listed = await dav.find(urlOf(folder), 1, signal)
    // a folder may have been removed meanwhile; but when all of it is gone, what was found so far is no listing
    if (listed.length === 0) await dav.assertBase(signal)
    const entries = listed.filter(({ path }) => path !== itself)
    const found = entries.map(({ path, ...entry }) => {
      const name = path.slice(itself.length + 1)
      if (path !== `${itself}/${name}`) throw new StorageError('Permanent', `the server lists ${path} in ${itself}`)
      return { ...entry, key: `${folder}${name}${entry.isFolder ? '/' : ''}` }
    })
    for (const { isFolder, ...object } of found.sort((a, b) => compareUtf8(a.key, b.key))) {
      signal.throwIfAborted()
      if (!object.key.startsWith(prefix)) continue
      const isBehind = compareUtf8(object.key, startAfter) > 0
      if (!isFolder && isBehind) yield object
      if (isFolder && (isBehind || startAfter.startsWith(object.key)))
        yield* walk(object.key, prefix, startAfter, signal)
    }
  }

  async function deleteObject(key: string, signal: AbortSignal): Promise<void> {
    const [found] = await dav.find(urlOf(key), 0, signal)
    if (!found) return dav.assertBase(signal)
    // DELETE of a folder would delete all that is in it
    if (!found.isFolder) await dav.ask('DELETE', urlOf(key), { expect: [200, 204, 404], signal })
  }

  return {
    // If-None-Match is looked at when a PUT begins: on Apache, of ten writers at once all ten may succeed.
    capabilities: { createIfAbsent: 'check-then-write', rangeReads: true, maxObjectBytes: Infinity },

    async put(key, source, { ifAbsent, signal }) {
      const url = urlOf(key)
      const taken = new StorageError('AlreadyExists', `there is an object at ${url}`)
      const [present] = ifAbsent ? await dav.find(url, 0, signal) : []
      if (present?.isFolder === false) throw taken
      await dav.makeFolder(url.slice(0, url.lastIndexOf('/') + 1), signal)
      let failure: unknown
      const body = bodyOf(source, (error) => (failure = error))
      const headers: Record<string, string> = ifAbsent ? { 'if-none-match': '*' } : {}
      const request = { expect: [200, 201, 204, ...(ifAbsent ? [412] : [])], headers, body, signal }
      const { status } = await dav.ask('PUT', url, request).catch((error: unknown) => {
        throw signal.aborted ? error : (failure ?? error)
      })
      if (status === 412) throw taken
      const [stored] = await dav.find(url, 0, signal)
      if (stored) return { size: stored.size }
      throw new StorageError('Transient', `the server took a PUT, but there is no object at ${url}`)
    },

    async get(key, { offset = 0, length = Infinity, signal }) {
      const url = urlOf(key)
      const isRange = offset > 0 || length < Infinity
      const range = `bytes=${offset}-${length < Infinity ? offset + Math.max(0, length - 1) : ''}`
      const request = { expect: [200, 206, 301, 404, 416], headers: isRange ? { range } : {}, signal }
      const { status, body } = await dav.send('GET', url, request)
      // 200 to a range: all of an object that is empty, or of a server without ranges
      if (body && status < 300) return cut(dav.read(body, signal), status === 206 ? 0 : offset, length)
      await body?.cancel()
      if (status !== 416) throw await notFound(url, signal)
      return new Blob([]).stream()
    },

    async head(key, { signal }) {
      const [found] = await dav.find(urlOf(key), 0, signal)
      if (!found || found.isFolder) throw await notFound(urlOf(key), signal)
      return { key, size: found.size, modifiedAt: found.modifiedAt }
    },

    async *list(prefix, { startAfter = '', signal }) {
      yield* walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, startAfter, signal)
    },

    async delete(keys, { signal }) {
      for (let at = 0; at < keys.length; at += DELETIONS_AT_ONCE) {
        const some = keys.slice(at, at + DELETIONS_AT_ONCE).map((key) => deleteObject(key, signal))
        const failed = (await Promise.allSettled(some)).find(({ status }) => status === 'rejected')
        if (failed) await Promise.all(some)
      }
    },

    [Symbol.asyncDispose]() {
      dav.close()
      return Promise.resolve()
    },
  }
}

type Keys = AsyncGenerator<StoredObject, void, undefined>

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The bytes of a source, for fetch. When they are not as many as the source says, it fails, and the request with it. */
async function* bodyOf(source: ByteSource, whenFailed: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0
  try {
    for await (const chunk of source.open()) {
      bytes += chunk.length
      // a copy, since the chunk is borrowed and fetch goes on before it is sent; an empty one would end the body
      if (chunk.length > 0) yield new Uint8Array(chunk)
    }
    const { size = bytes } = source
    if (bytes !== size) throw new StorageError('Permanent', `the source gave ${bytes} bytes instead of ${size}`)
  } catch (error) {
    whenFailed(error)
    throw error
  }
}

/** `length` bytes of a body behind the first `offset`. */
async function* cut(body: AsyncIterable<Uint8Array>, offset: number, length: number): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const chunk of body) {
    const part = chunk.subarray(Math.max(0, offset - at), Math.max(0, offset + length - at))
    if (part.length > 0) yield part
    at += chunk.length
    if (at >= offset + length) return
  }
}
