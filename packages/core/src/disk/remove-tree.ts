import { rm, rmdir } from 'node:fs/promises'

/** Removes a directory with all that is in it. A missing one is fine. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

/** Removes a directory if it is empty. */
export async function removeEmptyDirectory(path: string): Promise<void> {
  await rmdir(path).catch(() => undefined)
}
