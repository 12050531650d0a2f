import { runChecks } from './checks.ts'
import { runVitest } from './vitest-run.ts'

// `npm run check`: everything that needs nothing but Node
const checks = runChecks()
const tests = await runVitest(['unit'])
const failed = checks.failed + tests.failed
console.log(`\n${checks.passed + tests.passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
