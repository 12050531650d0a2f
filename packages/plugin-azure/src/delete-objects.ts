import { blobOf, type AzureAccess } from './access.ts'
import { azureStorageError } from './error-map.ts'

/** How many are deleted at once. */
const PARALLEL = 16

/** Deletes objects, each with a request. A blob with snapshots is refused by Azure, and stays. */
export async function deleteObjects(access: AzureAccess, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const waiting = [...new Set(keys)]
  const failed = new AbortController()
  const abortSignal = AbortSignal.any([signal, failed.signal])
  const work = async (): Promise<void> => {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      abortSignal.throwIfAborted()
      await deleteObject(access, key, abortSignal)
    }
  }
  const workers = Array.from({ length: PARALLEL }, () =>
    work().catch((error: unknown) => {
      failed.abort(error)
    }),
  )
  await Promise.all(workers)
  if (failed.signal.aborted) throw failed.signal.reason
}

async function deleteObject(access: AzureAccess, key: string, abortSignal: AbortSignal): Promise<void> {
  try {
    await blobOf(access, key).delete({ abortSignal })
  } catch (error) {
    abortSignal.throwIfAborted()
    const mapped = azureStorageError(error, `could not delete "${key}"`)
    if (mapped.code !== 'NotFound') throw mapped
  }
}
