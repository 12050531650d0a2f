import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { LockOwner } from './lock-owner.ts'
import { readLockOwner, removeLockOwner, writeLockOwner } from './lock-owner.ts'
import { nodeDisk } from './node-disk.ts'
import { systemErrorText } from '../errors/system-error.ts'

/** A lock that is held. */
export interface DirectoryLock {
  /** Gives the lock back; the lock file stays. Idempotent. */
  release(): Promise<void>
}

/** SQLITE_BUSY: somebody else has the lock. */
const SQLITE_BUSY = 5

/** Keeps the connections from the garbage collector, which would close them and so give their locks away. */
const held = new Set<DatabaseSync>()

/** What the holder of a lock tells about itself when this process is it. */
export function thisProcess(): LockOwner {
  const startedAt = new Date(Date.now() - process.uptime() * 1000).toISOString()
  return { pid: process.pid, host: hostname(), startedAt }
}

/**
 * Makes sure that no other walr works on `directory`, which must exist, until the lock is released or this process ends in
 * whatever way. The lock is on `<directory>/.walr/lock` and is seen by all processes that see the file, those of other
 * containers included. docs/adr/0005-directory-lock.md says why it is made with SQLite.
 * @throws WalrError WALR_DIRECTORY_LOCKED with process id and host of the holder, as far as known; WALR_DIRECTORY when the
 *   lock file cannot be used.
 */
export async function lockDirectory(directory: string, owner: LockOwner = thisProcess()): Promise<DirectoryLock> {
  const stateDirectory = join(directory, '.walr')
  await makeStateDirectory(stateDirectory)
  const database = await openLocked(directory, join(stateDirectory, 'lock'))
  try {
    await announce(stateDirectory, owner)
  } catch (error) {
    database.close()
    throw error
  }
  held.add(database)
  return {
    async release(): Promise<void> {
      if (!held.delete(database)) return
      // In this order: as soon as the lock is free, the file may be the next holder's. One that stays behind names a
      // process that has ended; it is no reason for another status than that of the work that was done.
      await Promise.allSettled([removeLockOwner(stateDirectory)])
      database.close()
    },
  }
}

/** A full disk is no reason not to start: the owner only makes a message better. A wrong owner would make it worse. */
async function announce(stateDirectory: string, owner: LockOwner): Promise<void> {
  try {
    await writeLockOwner(stateDirectory, owner)
  } catch (error) {
    if (!isWalrError(error, 'WALR_DISK_FULL')) throw error
    await removeLockOwner(stateDirectory)
  }
}

async function makeStateDirectory(path: string): Promise<void> {
  try {
    await nodeDisk.makeDirectory(path)
  } catch (error) {
    const message = `could not create directory "${path}": ${systemErrorText(error)}`
    throw new WalrError('WALR_DIRECTORY', message, { cause: error })
  }
}

/**
 * The locks are fcntl(2) record locks: closing any descriptor of the file in this process would drop them. SQLite takes
 * care of that for its own connections; nothing else in walr may open the lock file.
 */
async function openLocked(directory: string, lockFile: string): Promise<DatabaseSync> {
  const { DatabaseSync } = await import('node:sqlite')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(lockFile, { timeout: 0 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    if (sqliteResultCode(error) === SQLITE_BUSY) throw await lockedError(directory, error)
    const reason = error instanceof Error ? error.message : String(error)
    throw new WalrError('WALR_DIRECTORY', `could not lock file "${lockFile}": ${reason}`, {
      hint: 'Check owner and mode of the directory, and that its file system supports locks.',
      cause: error,
    })
  }
}

async function lockedError(directory: string, cause: unknown): Promise<WalrError> {
  const owner = await readLockOwner(join(directory, '.walr'))
  const who = owner ? `walr process ${owner.pid} on host "${owner.host}"` : 'another walr process'
  return new WalrError('WALR_DIRECTORY_LOCKED', `directory "${directory}" is in use by ${who}`, {
    detail: owner && `That process was started at ${owner.startedAt}.`,
    hint: 'Stop the other process, or use another directory.',
    cause,
  })
}

/** The primary result code; the extended ones carry more in their upper bits. */
function sqliteResultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
