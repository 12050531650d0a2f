import { watch } from 'node:fs'

/**
 * Calls `onChange` soon after an entry of a directory was added, removed or renamed, for as long as the system can tell.
 * It is a hint: changes may be missed, and several may give one call. Does not keep the process alive.
 * @returns the end of it.
 */
export function watchDirectory(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(path, { persistent: false })
    watcher.on('change', onChange)
    // The system has no more watches to give, or the directory has gone.
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => undefined
  }
}
