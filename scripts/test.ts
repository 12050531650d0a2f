import { runChecks } from './checks.ts'
import { ensurePrerequisites } from './prerequisites.ts'
import { runVitest } from './vitest-run.ts'

// `npm test [-- --full]`: all checks and all tests; the last line has the counts
if (ensurePrerequisites()) {
  const checks = runChecks()
  const tests = await runVitest(['unit', 'plugins', 'e2e', ...(process.argv.includes('--full') ? ['full'] : [])])
  const failed = checks.failed + tests.failed
  console.log(`\n${checks.passed + tests.passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} else {
  process.exitCode = 1
}
