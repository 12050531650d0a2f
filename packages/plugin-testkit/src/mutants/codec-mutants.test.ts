import { describe, expect, it } from 'vitest'
import { codecCases } from '../codec/codec-cases.ts'
import { codecConformance } from '../codec/codec-conformance.ts'
import type { CodecHarness } from '../codec/codec-harness.ts'
import { CollectingRunner } from '../suite/collecting-runner.fixture.ts'
import { codecMutants, type CodecMutant } from './codec-mutants.ts'

const TIMEOUT_MS = 120_000

/** Large objects. They take most of the time; only their own mutants meet them. */
const SLOW_CASES = ['CODEC-RT-03', 'CODEC-CUT-02', 'CODEC-FLIP-02', 'CODEC-MEM-01', 'CODEC-MEM-02']

/** The ids of the cases that a mutant fails, of all but the slow ones that it is not meant to fail. */
async function failingCases({ make, fails }: CodecMutant): Promise<string[]> {
  const harness: CodecHarness = {
    open: () => Promise.resolve(make('the key')),
    close: () => Promise.resolve(),
    ...(make('the key').kind === 'encryption' && { openWithOtherKey: () => Promise.resolve(make('another key')) }),
  }
  const runner = new CollectingRunner()
  codecConformance(runner, () => Promise.resolve(harness))
  const failed = await runner.run((id) => fails.includes(id) || !SLOW_CASES.includes(id))
  return [...failed.keys()].sort()
}

describe('a codec that', () => {
  it.each(codecMutants)(
    '$breaks fails $fails and nothing else',
    async (mutant) => {
      expect(await failingCases(mutant)).toEqual([...mutant.fails].sort())
    },
    TIMEOUT_MS,
  )
})

it('every codec case is failed by a mutant', () => {
  const found = new Set(codecMutants.flatMap(({ fails }) => fails))
  expect(codecCases.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([])
})
