import { expect, it } from 'vitest'
import { storageCases } from '../storage/storage-cases.ts'
import { lifeMutants, rangelessMutant } from './life-mutants.ts'
import { putMutants } from './put-mutants.ts'
import { readMutants } from './read-mutants.ts'
import { failingCases, MUTANT_TIMEOUT_MS } from './storage-mutant-run.fixture.ts'

it(
  `a storage that ${rangelessMutant.breaks} fails those cases`,
  async () => {
    expect(await failingCases(rangelessMutant, { rangeReads: false })).toEqual(rangelessMutant.fails)
  },
  MUTANT_TIMEOUT_MS,
)

it('every storage case is failed by a mutant', () => {
  const found = new Set([...putMutants, ...readMutants, ...lifeMutants].flatMap(({ fails }) => fails))
  const missing = storageCases.map(({ id }) => id).filter((id) => !found.has(id))
  expect(missing).toEqual([])
})
