import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Counts } from './checks.ts'

const repository = join(import.meta.dirname, '..')

/**
 * Runs the tests of these vitest projects and streams their output. A skipped test counts as failed, and so does a run
 * that ends with an error but without a failed test.
 */
export async function runVitest(projects: readonly string[]): Promise<Counts> {
  const ignore = (): void => undefined // Ctrl-C reaches vitest too; this process goes on to clean up after it
  process.on('SIGINT', ignore)
  const scratch = mkdtempSync(join(tmpdir(), 'walr-'))
  const countsFile = join(scratch, 'counts.json')
  try {
    const reporter = join(import.meta.dirname, 'count-reporter.ts')
    const args = [
      'run',
      ...projects.flatMap((name) => ['--project', name]),
      '--reporter',
      'default',
      '--reporter',
      reporter,
    ]
    const exitCode = await run('vitest', args, { WALR_COUNTS_FILE: countsFile })
    const counts = existsSync(countsFile) ? readCounts(countsFile) : { passed: 0, failed: 0 }
    return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts
  } finally {
    process.off('SIGINT', ignore)
    rmSync(scratch, { recursive: true, force: true })
  }
}

function readCounts(path: string): Counts {
  const counts: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (typeof counts === 'object' && counts !== null && 'passed' in counts && 'failed' in counts) {
    const { passed, failed } = counts
    if (typeof passed === 'number' && typeof failed === 'number') return { passed, failed }
  }
  throw new Error(`${path} holds no counts`)
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number | null> {
  const path = `${join(repository, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`
  const child = spawn(program, args, {
    cwd: repository,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, PATH: path },
  })
  await once(child, 'exit')
  return child.exitCode
}
