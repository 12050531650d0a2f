import { codecCases } from './codec/codec-cases.ts'
import { packageCases } from './package/package-cases.ts'
import { retentionCases } from './retention/retention-cases.ts'
import { storageCases } from './storage/storage-cases.ts'

/** A case, for documentation. */
export interface CatalogueEntry {
  readonly suite: 'storage' | 'codec' | 'retention' | 'package'
  readonly id: string
  readonly law: string
}

/** All cases of all suites, in the order in which they run. */
export function caseCatalogue(): readonly CatalogueEntry[] {
  const entries = (suite: CatalogueEntry['suite'], cases: readonly { readonly id: string; readonly law: string }[]) =>
    cases.map(({ id, law }) => ({ suite, id, law }))
  return [
    ...entries('storage', storageCases),
    ...entries('codec', codecCases),
    ...entries('retention', retentionCases),
    ...entries('package', packageCases),
  ]
}
