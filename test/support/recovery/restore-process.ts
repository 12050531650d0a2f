import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../clean-environment.ts'
import { runProgram } from '../run-program.ts'
import { makeScratch } from '../scratch.ts'
import { walrCommandLine } from '../stage-for-user.ts'
import { asUser, unprivilegedUser } from '../unprivileged-user.ts'
import { makeOwnedFolder } from './owned-files.ts'

/** What a call of restore-command has left. */
export interface RestoreResult {
  readonly status: number | null
  readonly stderr: string
  /** The target; undefined when there is none. */
  readonly bytes: Buffer | undefined
  /** Whatever else is in the target's folder. */
  readonly left: readonly string[]
}

/**
 * Runs restore-command as PostgreSQL's user, in a data directory whose server does not run.
 * @param args shell text before the name and the target.
 */
export async function callRestoreCommand(dataDirectory: string, args: string, name: string): Promise<RestoreResult> {
  await using scratch = makeScratch('target', 'server')
  const folder = makeOwnedFolder(join(scratch.path, 'pg_wal'))
  const target = join(folder, 'RECOVERYXLOG')
  const line = walrCommandLine(`restore-command ${args} "$1" "$2"`)
  const result = await runProgram('sh', ['-c', line, 'sh', name, target], {
    cwd: dataDirectory,
    env: cleanEnvironment(),
    ...asUser(unprivilegedUser()),
  })
  const bytes = existsSync(target) ? readFileSync(target) : undefined
  rmSync(target, { force: true })
  return { status: result.exitCode, stderr: result.stderr, bytes, left: readdirSync(folder) }
}
