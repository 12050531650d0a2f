import { join } from 'node:path'
import { nodeDisk } from './node-disk.ts'
import { writeFileDurably } from './write-file-durably.ts'

/** Who holds a directory lock: for the message to whoever does not get it, never for a decision. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly startedAt: string
}

/** Room for any owner that walr writes; a longer file is not one. */
const MAX_LENGTH = 4096

/** Writes `lock.owner` in `<directory>/.walr`; only the holder of the lock may. */
export async function writeLockOwner(stateDirectory: string, owner: LockOwner): Promise<void> {
  await writeFileDurably(nodeDisk, fileIn(stateDirectory), Buffer.from(`${JSON.stringify(owner)}\n`))
}

export async function removeLockOwner(stateDirectory: string): Promise<void> {
  await nodeDisk.remove(fileIn(stateDirectory))
}

/** The owner, or undefined when the file is absent, cannot be read or does not say: it only makes a message better. */
export async function readLockOwner(stateDirectory: string): Promise<LockOwner | undefined> {
  try {
    const file = await nodeDisk.open(fileIn(stateDirectory), 'read')
    try {
      const bytes = Buffer.alloc(MAX_LENGTH)
      return parseLockOwner(bytes.toString('utf8', 0, await file.read(bytes, 0)))
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

function parseLockOwner(text: string): LockOwner | undefined {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return undefined
  if (!('pid' in value) || !('host' in value) || !('startedAt' in value)) return undefined
  const { pid, host, startedAt } = value
  if (typeof pid !== 'number' || typeof host !== 'string' || typeof startedAt !== 'string') return undefined
  return { pid, host, startedAt }
}

function fileIn(stateDirectory: string): string {
  return join(stateDirectory, 'lock.owner')
}
