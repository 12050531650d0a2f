import { stat } from 'node:fs/promises'
import { isSystemError } from '../../errors/system-error.ts'

const OLD_MS = 24 * 3600 * 1000

/**
 * Whether something that process `pid` has made for a moment was left behind: the process has ended, or a day has passed. What
 * is not there was not.
 */
export async function isLeftBehind(path: string, pid: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path)
    return !isAlive(pid) || Date.now() - mtimeMs > OLD_MS
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !isSystemError(error, 'ESRCH')
  }
}
