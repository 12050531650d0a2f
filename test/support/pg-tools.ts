import { cleanEnvironment } from './clean-environment.ts'
import { findClientProgram } from './postgres-binaries.ts'
import { runProgram, type ProgramResult } from './run-program.ts'
import { RunningProgram } from './running-program.ts'

/** The client programs of Debian's PostgreSQL that the tests use beside walr. */
export type PgTool = 'pg_receivewal' | 'pg_waldump' | 'pgbench' | 'pg_basebackup' | 'pg_verifybackup' | 'psql'

/** Settings for a client program, such as a cluster's `clientEnvironment`. */
export interface ToolOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds after which it is killed; 120 s when absent. */
  readonly deadlineMs?: number
}

/** Runs a client program to its end, whatever its exit code. */
export async function runTool(
  tool: PgTool,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ProgramResult> {
  const { env, deadlineMs = 120_000 } = options
  return runProgram(toolPath(tool), args, { cwd: '/', env: cleanEnvironment(env), deadlineMs })
}

/** Starts a client program that goes on, such as pg_receivewal. */
export function startTool(tool: PgTool, args: readonly string[], options: ToolOptions = {}): RunningProgram {
  return new RunningProgram(toolPath(tool), args, { cwd: '/', env: cleanEnvironment(options.env) })
}

function toolPath(tool: PgTool): string {
  const path = findClientProgram(tool)
  if (path === undefined) throw new Error(`${tool} is not installed: install postgresql (npm test does it as root)`)
  return path
}
