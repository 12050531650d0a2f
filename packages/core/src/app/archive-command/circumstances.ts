import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import { readSmallFile } from '../../wal/read-whole-file.ts'

/** What decides where a call archives to, and how. */
export interface CallSettings {
  /** All words of the command line but the file's. */
  readonly options: readonly string[]
  readonly configPath: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  readonly dataDirectory: string
}

/**
 * All that has to be the same for one call to take another one's word, as a digest: the run of the server (so its environment,
 * and nobody who copied the directory), the command line, the configuration file as it is, and walr's own variables.
 * @returns undefined when no server runs here, or the file cannot be read.
 */
export async function readCircumstances(disk: Disk, settings: CallSettings): Promise<string | undefined> {
  const { environment, workingDirectory, dataDirectory, options } = settings
  const run = await readServerRun(disk, dataDirectory)
  const variable = environment['WALR_CONFIG']
  const named = settings.configPath ?? (variable === '' ? undefined : variable)
  const config = named === undefined ? '' : await readText(disk, resolve(workingDirectory, named))
  if (run === undefined || config === undefined) return undefined
  const variables = Object.entries(environment)
    .filter(([name]) => name.startsWith('WALR_'))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  const parts = { format: 1, run, options, workingDirectory, dataDirectory, config, variables }
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** The process id of the postmaster and the time of its start: lines 1 and 3 of `postmaster.pid`. */
async function readServerRun(disk: Disk, dataDirectory: string): Promise<string | undefined> {
  const lines = (await readText(disk, join(dataDirectory, 'postmaster.pid')))?.split('\n') ?? []
  const [pid = '', , startTime = ''] = lines
  return /^\d+$/.test(pid) && /^\d+$/.test(startTime) ? `${pid}.${startTime}` : undefined
}

async function readText(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return (await readSmallFile(disk, path)).toString('utf8')
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}
