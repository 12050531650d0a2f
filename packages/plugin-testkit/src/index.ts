/** `@walr/plugin-testkit`: what a plugin has to do, as test suites that any plugin's author runs. */
export { caseCatalogue, type CatalogueEntry } from './case-catalogue.ts'
export { codecConformance } from './codec/codec-conformance.ts'
export type { CodecHarness } from './codec/codec-harness.ts'
export { MemoryBucket, type MemoryObject } from './memory-bucket.ts'
export { MemoryStorage, type MemoryStorageOptions } from './memory-storage.ts'
export { packageConformance, type PackageConformanceOptions } from './package/package-conformance.ts'
export { retentionConformance } from './retention/retention-conformance.ts'
export type { RetentionHarness } from './retention/retention-harness.ts'
export { storageConformance } from './storage/storage-conformance.ts'
export type { StorageHarness } from './storage/storage-harness.ts'
export type { ConformanceOptions, Deviation } from './suite/conformance-case.ts'
export {
  nodeTestRunner,
  vitestRunner,
  type NodeTestExports,
  type TestRunner,
  type VitestExports,
} from './suite/test-runner.ts'
