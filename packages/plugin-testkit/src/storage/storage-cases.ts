import type { ConformanceCase } from '../suite/conformance-case.ts'
import { deleteCases } from './delete-cases.ts'
import { errorCases } from './error-cases.ts'
import { getCases } from './get-cases.ts'
import { headCases } from './head-cases.ts'
import { keyCases } from './key-cases.ts'
import { lifeCases } from './life-cases.ts'
import { listCases } from './list-cases.ts'
import { memoryCases } from './memory-cases.ts'
import { putCases } from './put-cases.ts'
import { putFailureCases } from './put-failure-cases.ts'
import { raceCases } from './race-cases.ts'
import type { StorageBench } from './storage-bench.ts'

/** All cases of the storage suite. */
export const storageCases: readonly ConformanceCase<StorageBench>[] = [
  ...[...putCases, ...putFailureCases].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  ...raceCases,
  ...getCases,
  ...headCases,
  ...listCases,
  ...keyCases,
  ...deleteCases,
  ...lifeCases,
  ...errorCases,
  ...memoryCases,
]
