import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { coreVersion } from './contract-package.ts'
import { fittingVersions } from './fitting-versions.ts'
import { isMisfit } from './npm-error.ts'
import { NpmFailure, type NpmOptions } from './npm-program.ts'
import { isPinned, type PluginSpec } from './plugin-spec.ts'

/** Versions that are tried, the newest first, when those before do not go with this walr. */
const MOST_ATTEMPTS = 5

/** A way to install one version of a package of the registry. */
export interface AnotherVersion<T> {
  /** How the registry is asked. Its folder exists. */
  readonly npm: NpmOptions
  readonly logger: Pick<Logger, 'notice'> | undefined
  readonly stage: (version: string) => Promise<T>
}

/** Whether something could not be installed because it, or what it depends on, is for another walr. */
export function doesNotFit(error: unknown): error is WalrError {
  return isWalrError(error) && error.cause instanceof NpmFailure && isMisfit(error.cause)
}

/**
 * Installs the newest version of what is asked for that goes with this walr, and says so, after the one that npm chose did not.
 * @throws WalrError the failure of that one when no other does, with the version to ask for instead where there is one; what
 *   `stage` rejects with; the reason of the signal.
 */
export async function stageAnotherVersion<T>(
  spec: PluginSpec & { readonly name: string },
  failure: WalrError,
  { npm, logger, stage }: AnotherVersion<T>,
): Promise<T> {
  const { name } = spec
  const core = await coreVersion()
  // What the registry says to this question is less important than the failure.
  const versionsOf = (asked: typeof spec): Promise<readonly string[]> =>
    fittingVersions(asked, core, npm).catch(() => {
      npm.signal.throwIfAborted()
      return []
    })
  for (const version of isPinned(spec) ? [] : (await versionsOf(spec)).slice(0, MOST_ATTEMPTS)) {
    try {
      const staged = await stage(version)
      logger?.notice(`newer versions of "${name}" do not go with this walr; ${version} is taken`, {
        detail: failure.message,
      })
      return staged
    } catch (error) {
      if (!doesNotFit(error)) throw error
    }
  }
  const [other] = spec.text === name ? [] : await versionsOf({ ...spec, text: name })
  if (other === undefined) throw failure
  const { message, detail, cause } = failure
  const hint = `The newest version that may go with it: walr plugins install ${name}@${other}`
  throw new WalrError('WALR_PLUGIN', message, { detail, hint, cause })
}
