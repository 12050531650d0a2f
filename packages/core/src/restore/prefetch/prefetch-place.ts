import { join, resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'

/** The folder that a prefetcher works in, for one run of a postmaster. All paths but the first are relative to it. */
export interface PrefetchPlace {
  /** PostgreSQL's data directory. */
  readonly workingDirectory: string
  readonly postmasterPid: number
  /** `pg_wal/.walr/<pid>.<start>`. */
  readonly generation: string
  /** See {@link SOCKETS}. */
  readonly socket: string
}

/** Where all generations are; relative to the data directory. */
export const GENERATIONS = 'pg_wal/.walr'
/** Names below {@link GENERATIONS}, with what was left of one that is being removed. */
export const generationPattern = /^[1-9]\d{0,9}\.[1-9]\d{0,14}(?:\.(?:gone-\d+|unable))?$/

/** Not in `pg_wal`: pg_rewind copies what is there from a running server, and fails at sockets. It passes over this one. */
export const SOCKETS = 'pg_stat_tmp'
export const socketPattern = /^walr\.[1-9]\d{0,9}\.[1-9]\d{0,14}$/

/** Says that a prefetcher could not work there. */
export function unableMark({ generation }: PrefetchPlace): string {
  return `${generation}.unable`
}

/** Says that the prefetcher of a generation has not answered: it is stopped, or hangs. */
export function silentMark({ generation }: Pick<PrefetchPlace, 'generation'>): string {
  return join(generation, 'silent')
}

/** Where a client finds what it was given: a file in the folder of a generation. */
export function givenPath(generation: string, given: string): string {
  return join(generation, 'given', given)
}

const targets = ['pg_wal/RECOVERYXLOG', 'pg_wal/RECOVERYHISTORY']
/** The process id, the data directory, the start time; a negative id is a server without postmaster. */
const postmasterPattern = /^([1-9]\d{0,9})\n[^\n]*\n([1-9]\d{0,14})\n/

/**
 * The place of the prefetcher for a call of restore-command. `bin/walr` has the same rules.
 * @returns undefined when it is not a running PostgreSQL that wants the file for its recovery: pg_rewind, or a person.
 */
export async function prefetchPlace(
  disk: Disk,
  workingDirectory: string,
  targetPath: string,
): Promise<PrefetchPlace | undefined> {
  const path = resolve(workingDirectory, targetPath)
  if (!targets.some((target) => resolve(workingDirectory, target) === path)) return undefined
  return runningPlace(disk, workingDirectory)
}

/** The place for the postmaster that runs in a data directory. */
export async function runningPlace(disk: Disk, workingDirectory: string): Promise<PrefetchPlace | undefined> {
  const match = postmasterPattern.exec(await beginningOf(disk, join(workingDirectory, 'postmaster.pid')))
  const [, pid = '', start = ''] = match ?? []
  if (match === null || !isRunning(Number(pid))) return undefined
  const run = `${pid}.${start}`
  return {
    workingDirectory,
    postmasterPid: Number(pid),
    generation: `${GENERATIONS}/${run}`,
    socket: `${SOCKETS}/walr.${run}`,
  }
}

/** Whatever cannot be read says nothing. */
async function beginningOf(disk: Disk, path: string): Promise<string> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(4096)
      return bytes.toString('latin1', 0, await file.read(bytes, 0))
    } finally {
      await file.close()
    }
  } catch {
    return ''
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
