import { describe, expect, it } from 'vitest'
import { lifeMutants } from './life-mutants.ts'
import { failingCases, MUTANT_TIMEOUT_MS } from './storage-mutant-run.fixture.ts'

describe('a storage that', () => {
  it.each(lifeMutants)(
    '$breaks fails $fails and nothing else',
    async (mutant) => {
      expect(await failingCases(mutant)).toEqual([...mutant.fails].sort())
    },
    MUTANT_TIMEOUT_MS,
  )
})
