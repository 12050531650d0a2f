import type { RunningProgram } from '../support/running-program.ts'
import type { ScriptedWalsender } from '../support/scripted-walsender.ts'
import { startWalr } from '../support/walr-process.ts'
import type { WalDirectory } from './wal-directory.ts'

/** The real program, verbose, receiving from a scripted server. */
export function startReceive(
  server: Pick<ScriptedWalsender, 'conninfo'>,
  directory: Pick<WalDirectory, 'path'>,
  ...args: readonly string[]
): RunningProgram {
  return startWalr(['receive', '-v', '-w', '-D', directory.path, '-d', server.conninfo, ...args])
}
