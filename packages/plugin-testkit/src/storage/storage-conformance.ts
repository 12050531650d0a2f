import type { ConformanceOptions } from '../suite/conformance-case.ts'
import { registerCases } from '../suite/register-cases.ts'
import type { TestRunner } from '../suite/test-runner.ts'
import { StorageBench } from './storage-bench.ts'
import { storageCases } from './storage-cases.ts'
import type { StorageHarness } from './storage-harness.ts'

/**
 * Registers the storage suite with `runner`. Every case makes a harness, and closes it. What a storage says of itself in
 * `capabilities` chooses what is expected: where it says that it cannot, it has to refuse.
 * Call it once for the bare root of the storage and once with a prefix in its options.
 * @throws Error when a deviation names no case, names one twice, or has no reason.
 */
export function storageConformance(
  runner: TestRunner,
  makeHarness: () => Promise<StorageHarness>,
  options: ConformanceOptions = {},
): void {
  const makeBench = async () => new StorageBench(await makeHarness())
  registerCases(runner, { title: 'storage conformance', cases: storageCases, makeBench }, options)
}
