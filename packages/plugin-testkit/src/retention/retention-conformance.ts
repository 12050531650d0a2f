import type { ConformanceOptions } from '../suite/conformance-case.ts'
import { registerCases } from '../suite/register-cases.ts'
import type { TestRunner } from '../suite/test-runner.ts'
import { RetentionBench } from './retention-bench.ts'
import { retentionCases } from './retention-cases.ts'
import type { RetentionHarness } from './retention-harness.ts'

/**
 * Registers the retention suite with `runner`. Every case makes a harness, and closes it.
 * @throws Error when a deviation names no case, names one twice, or has no reason.
 */
export function retentionConformance(
  runner: TestRunner,
  makeHarness: () => Promise<RetentionHarness>,
  options: ConformanceOptions = {},
): void {
  const makeBench = async () => new RetentionBench(await makeHarness())
  registerCases(runner, { title: 'retention conformance', cases: retentionCases, makeBench }, options)
}
