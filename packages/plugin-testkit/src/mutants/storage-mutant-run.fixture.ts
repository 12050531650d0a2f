import { memoryHarness } from '../memory-harness.fixture.ts'
import type { MemoryStorageOptions } from '../memory-storage.ts'
import { storageConformance } from '../storage/storage-conformance.ts'
import { CollectingRunner } from '../suite/collecting-runner.fixture.ts'
import type { StorageMutant } from './storage-mutant.ts'

/** A whole suite for one mutant, on a machine that does much else. */
export const MUTANT_TIMEOUT_MS = 120_000

/** Much data or many keys. Together they take three times as long as all the others; only their own mutants meet them. */
const SLOW_CASES = ['STOR-LIST-02', 'STOR-LIST-08', 'STOR-GET-07', 'STOR-MEM-01', 'STOR-MEM-02']

/** The ids of the cases that a mutant fails, of all but the slow ones that it is not meant to fail. */
export async function failingCases(mutant: StorageMutant, options: MemoryStorageOptions = {}): Promise<string[]> {
  const runner = new CollectingRunner()
  storageConformance(
    runner,
    memoryHarness(options, (bucket, how) => new mutant.make(bucket, how)),
  )
  const failed = await runner.run((id) => mutant.fails.includes(id) || !SLOW_CASES.includes(id))
  return [...failed.keys()].sort()
}
