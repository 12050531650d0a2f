/**
 * Waits until all requests have their answers, then rejects with the error of the first one that failed: nothing of an
 * operation that has ended is under way.
 */
export async function allDone(requests: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(requests)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
