import type { SpawnOptions } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from './clean-environment.ts'
import { runProgram, type ProgramResult } from './run-program.ts'
import { RunningProgram } from './running-program.ts'
import { reachableWalr } from './stage-for-user.ts'
import { asUser, type SystemUser } from './unprivileged-user.ts'

/** How walr is started. */
export interface WalrOptions {
  /** Added to an environment without `PG*` and `WALR_*`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Start it as this user; as the user of the tests when absent. */
  readonly user?: SystemUser
}

const walrPath = join(import.meta.dirname, '../../packages/core/bin/walr')

/**
 * Starts the built walr (`packages/core/bin/walr`, so `npm run build` comes first) with this Node. The shell that it begins
 * as replaces itself with Node, so the process id is walr's.
 */
export function startWalr(args: readonly string[], options: WalrOptions = {}): RunningProgram {
  const { program, spawnOptions } = prepare(options)
  return new RunningProgram(program, args, spawnOptions)
}

/** Runs the built walr to its end. */
export async function runWalr(
  args: readonly string[],
  { deadlineMs = 60_000, input = '', ...options }: WalrOptions & { deadlineMs?: number; input?: string } = {},
): Promise<ProgramResult> {
  const { program, spawnOptions } = prepare(options)
  return runProgram(program, args, { ...spawnOptions, deadlineMs, input })
}

function prepare(options: WalrOptions): { program: string; spawnOptions: SpawnOptions } {
  if (!existsSync(walrPath) || !existsSync(join(walrPath, '../../dist'))) {
    throw new Error('walr is not built: run npm run build')
  }
  const place = options.user ? reachableWalr() : { nodePath: process.execPath, walrPath }
  const env = cleanEnvironment({ WALR_NODE: place.nodePath, ...options.env })
  return { program: place.walrPath, spawnOptions: { cwd: options.cwd ?? '/', env, ...asUser(options.user) } }
}
