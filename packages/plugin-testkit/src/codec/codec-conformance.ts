import type { ConformanceOptions } from '../suite/conformance-case.ts'
import { registerCases } from '../suite/register-cases.ts'
import type { TestRunner } from '../suite/test-runner.ts'
import { CodecBench } from './codec-bench.ts'
import { codecCases } from './codec-cases.ts'
import type { CodecHarness } from './codec-harness.ts'

/**
 * Registers the codec suite with `runner`. Every case makes a harness, and closes it. The codec's `kind` chooses what is
 * expected of keys.
 * @throws Error when a deviation names no case, names one twice, or has no reason.
 */
export function codecConformance(
  runner: TestRunner,
  makeHarness: () => Promise<CodecHarness>,
  options: ConformanceOptions = {},
): void {
  const makeBench = async () => new CodecBench(await makeHarness())
  registerCases(runner, { title: 'codec conformance', cases: codecCases, makeBench }, options)
}
