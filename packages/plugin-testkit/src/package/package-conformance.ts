import type { ConformanceOptions } from '../suite/conformance-case.ts'
import { registerCases } from '../suite/register-cases.ts'
import type { TestRunner } from '../suite/test-runner.ts'
import { PackageBench } from './package-bench.ts'
import { packageCases } from './package-cases.ts'

/** Options of the package suite. */
export interface PackageConformanceOptions extends ConformanceOptions {
  /**
   * Packages that importing the plugin may load: small ones that `parseOptions` needs. `['zod']` when undefined. An SDK is
   * loaded inside the `create...` functions.
   */
  readonly loadsOnImport?: readonly string[]
}

/**
 * Registers the package suite with `runner`. The package has to be built: what its `exports` name is imported.
 * @param packageDirectory the folder of its package.json, absolute.
 * @throws Error when a deviation names no case, names one twice, or has no reason.
 */
export function packageConformance(
  runner: TestRunner,
  packageDirectory: string,
  options: PackageConformanceOptions = {},
): void {
  const { loadsOnImport = ['zod'] } = options
  const makeBench = () => Promise.resolve(new PackageBench(packageDirectory, loadsOnImport))
  registerCases(runner, { title: 'package conformance', cases: packageCases, makeBench }, options)
}
