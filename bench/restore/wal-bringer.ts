import { walrCommandLine } from '../../test/support/stage-for-user.ts'
import { untilNobodyUses } from './left-processes.ts'

/** A way to bring WAL back, which takes part in the bench. */
export interface WalBringer {
  readonly name: string
  /** `restore_command` for a server with this data directory. */
  restoreCommand(dataDirectory: string): string
  /** Runs before each recovery, outside the measured time. */
  prepare?(): Promise<void>
  /** Runs after each recovery, when its server is gone; the data directory is still there. */
  finish?(dataDirectory: string): Promise<void>
}

/** What everything is measured by: `cp` from a folder with plain segments, as in PostgreSQL's manual. */
export function cpFrom(walDirectory: string): WalBringer {
  return { name: 'cp', restoreCommand: () => `cp "${walDirectory}/%f" "%p"` }
}

/** `walr restore-command` with these options, which say where the WAL is. */
export function walrWith(name: string, options: string): WalBringer {
  return {
    name,
    restoreCommand: () => walrCommandLine(`restore-command ${options} %f %p`),
    finish: (dataDirectory) => untilNobodyUses(dataDirectory), // what fetches ahead ends with its server
  }
}
