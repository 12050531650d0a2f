import { setTimeout as delay } from 'node:timers/promises'
import { lockDirectory, type DirectoryLock } from '../../disk/directory-lock.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'

/** Somebody else's change takes a moment; removing an old generation from a slow disk may take longer. */
const PATIENCE_MS = 60_000
const POLL_MS = 50

export interface PluginLockOptions {
  readonly signal: AbortSignal
  /** Told once when somebody else is waited for. */
  readonly onStep: (step: string) => void
  /** How long somebody else is waited for, in milliseconds. */
  readonly patienceMs?: number
}

/**
 * Does something while no other walr changes what is installed in a data directory, which must exist. The lock is for moving
 * things to their place, not for fetching them: somebody else may be waiting.
 * @throws WalrError WALR_DIRECTORY_LOCKED with who has it; WALR_DIRECTORY when there can be no lock; the reason of the signal;
 *   what `action` throws.
 */
export async function withPluginLock<T>(
  dataDirectory: string,
  options: PluginLockOptions,
  action: () => Promise<T>,
): Promise<T> {
  const lock = await lockPlugins(dataDirectory, options)
  try {
    return await action()
  } finally {
    await lock.release()
  }
}

async function lockPlugins(
  dataDirectory: string,
  { signal, onStep, patienceMs = PATIENCE_MS }: PluginLockOptions,
): Promise<DirectoryLock> {
  const deadline = performance.now() + patienceMs
  for (let isTold = false; ; isTold = true) {
    signal.throwIfAborted()
    try {
      return await lockDirectory(dataDirectory)
    } catch (error) {
      if (!isWalrError(error, 'WALR_DIRECTORY_LOCKED')) throw error
      if (performance.now() >= deadline) throw stillLocked(error)
      if (!isTold) onStep(`waiting: ${error.message}`)
    }
    await delay(POLL_MS)
  }
}

function stillLocked(cause: WalrError): WalrError {
  return new WalrError('WALR_DIRECTORY_LOCKED', `plugins cannot be changed at the moment: ${cause.message}`, {
    detail: cause.detail,
    hint: 'Wait until the other process has ended, and run the command again. Nothing was changed.',
    cause,
  })
}
