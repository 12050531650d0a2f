import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/** Writes the numbers of passed and failed tests to the file that `WALR_COUNTS_FILE` names, for `scripts/vitest-run.ts`. */
export default class CountReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length }
    for (const testModule of testModules) {
      if (testModule.errors().length > 0) counts.failed++
      for (const test of testModule.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') counts.passed++
        else {
          counts.failed++
          if (state !== 'failed') console.error(`not run, which counts as failed: ${test.fullName}`)
        }
      }
    }
    const path = process.env['WALR_COUNTS_FILE']
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts))
  }
}
