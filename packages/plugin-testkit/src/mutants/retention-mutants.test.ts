import { describe, expect, it } from 'vitest'
import { retentionCases } from '../retention/retention-cases.ts'
import { retentionConformance } from '../retention/retention-conformance.ts'
import { CollectingRunner } from '../suite/collecting-runner.fixture.ts'
import { retentionMutants } from './retention-mutants.ts'

describe('a policy that', () => {
  it.each(retentionMutants)('$breaks fails $fails and nothing else', async ({ make, fails }) => {
    const runner = new CollectingRunner()
    const harness = { open: () => Promise.resolve(make(2)), close: () => Promise.resolve() }
    retentionConformance(runner, () => Promise.resolve(harness))
    expect([...(await runner.run()).keys()].sort()).toEqual(fails)
  })
})

it('every retention case is failed by a mutant', () => {
  const found = new Set(retentionMutants.flatMap(({ fails }) => fails))
  expect(retentionCases.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([])
})
