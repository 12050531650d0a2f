import type { ConformanceCase } from '../suite/conformance-case.ts'
import type { CodecBench } from './codec-bench.ts'
import { damageCases } from './damage-cases.ts'
import { codecKeyCases } from './key-cases.ts'
import { roundTripCases } from './round-trip-cases.ts'
import { streamCases } from './stream-cases.ts'

/** All cases of the codec suite. */
export const codecCases: readonly ConformanceCase<CodecBench>[] = [
  ...roundTripCases,
  ...streamCases,
  ...damageCases,
  ...codecKeyCases,
]
