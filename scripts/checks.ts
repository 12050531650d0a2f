import { spawnSync } from 'node:child_process'

/** npm scripts that look at the code without running tests, in order. The first one makes what the others need. */
const CHECKS = ['build', 'lint', 'typecheck', 'depcruise', 'docs:check', 'package:check'] as const

/** How many checks went well and how many did not. */
export interface Counts {
  readonly passed: number
  readonly failed: number
}

/** Runs all checks and streams their output. Nothing more is checked when the build fails. */
export function runChecks(): Counts {
  const counts = { passed: 0, failed: 0 }
  for (const name of CHECKS) {
    console.log(`\n== ${name}`)
    const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: ['ignore', 'inherit', 'inherit'] })
    if (status === 0) counts.passed++
    else {
      counts.failed++
      console.error(`== ${name} failed`)
      if (name === 'build') break
    }
  }
  return counts
}
