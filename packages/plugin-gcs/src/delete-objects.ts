import { objectPath, type GcsAccess } from './access.ts'
import { readText } from './http-exchange.ts'
import { requireBucket } from './head-object.ts'

/** Requests for one call that are under way at once, as far as there are connections. */
const CONCURRENCY = 16

/** Deletes objects, each with a request. The first failure ends it. */
export async function deleteObjects(access: GcsAccess, keys: readonly string[], outer: AbortSignal): Promise<void> {
  const left = [...new Set(keys)].values()
  const failed = new AbortController()
  const signal = AbortSignal.any([outer, failed.signal])
  const absent: string[] = []
  const work = async (): Promise<void> => {
    for (const key of left) if (!(await deleteObject(access, key, signal))) absent.push(key)
  }
  const workers = Array.from({ length: Math.min(CONCURRENCY, access.options.maxConnections) }, () =>
    work().catch((error: unknown) => failed.abort(error)),
  )
  await Promise.all(workers)
  if (failed.signal.aborted) throw failed.signal.reason
  // a bucket that is absent says the same of its objects
  if (absent.length > 0) await requireBucket(access, outer)
}

/** @returns false when something was absent, be it the object or the bucket. */
async function deleteObject(access: GcsAccess, key: string, signal: AbortSignal): Promise<boolean> {
  const accepted = [200, 204, 404]
  const answer = await access.client.request({ method: 'DELETE', target: objectPath(access, key), accepted, signal })
  await readText(answer)
  return answer.status !== 404
}
