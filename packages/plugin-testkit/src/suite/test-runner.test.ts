import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { retentionConformance } from '../retention/retention-conformance.ts'
import { KeepLastPolicy } from '../keep-last-policy.fixture.ts'
import { vitestRunner } from './test-runner.ts'

const fixture = join(import.meta.dirname, 'node-test-run.fixture.ts')

function runWithNodeTest(keepLast: number) {
  const env: NodeJS.ProcessEnv = { ...process.env, KEEP_LAST: String(keepLast) }
  // Set by a test runner for its children, in which node:test would report to it.
  delete env['NODE_TEST_CONTEXT']
  const argv = ['--test', '--test-reporter=tap', fixture]
  return spawnSync(process.execPath, argv, { env, encoding: 'utf8', timeout: 60_000 })
}

describe('node:test', () => {
  it('runs a suite, each case as a test of its own', { timeout: 60_000 }, () => {
    const { stdout, status } = runWithNodeTest(2)
    expect(stdout).toContain('ok 10 - RET-10 every decision has a reason, of one line')
    expect(stdout).not.toMatch(/^ *not ok/m)
    expect(status).toBe(0)
  })

  it('fails where a case fails, and where a deviation passes', { timeout: 60_000 }, () => {
    const broken = runWithNodeTest(-1)
    expect(broken.stdout).toMatch(/not ok \d+ - RET-04/)
    expect(broken.status).toBe(1)
    const deviating = runWithNodeTest(1)
    expect(deviating.stdout).toMatch(/not ok 1 - RET-01 deviates/)
    expect(deviating.stdout).toContain('retention conformance: 1 deviation')
    expect(deviating.status).toBe(1)
  })
})

describe('vitest', () => {
  const lines: string[] = []
  retentionConformance(
    vitestRunner({ describe, it, afterAll }),
    () => Promise.resolve({ open: () => Promise.resolve(new KeepLastPolicy(-1)), close: () => Promise.resolve() }),
    {
      deviations: [{ caseId: 'RET-04', reason: 'it keeps all but the oldest, and so not always the newest' }],
      report: (line) => lines.push(line),
    },
  )
  afterAll(() => {
    expect(lines).toHaveLength(2)
  })
})
