import type { Logger } from '../../telemetry/logger.ts'

/** What every command about plugins works with. */
export interface PluginContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly workingDirectory: string
  /** Absolute; plugins are installed into the first. */
  readonly dataDirectories: readonly [string, ...string[]]
  /** `--config`. */
  readonly configPath: string | undefined
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Told what is being done, in a few words. */
  readonly onStep: (step: string) => void
  /** See {@link NpmOptions.onLine}. */
  readonly onNpmLine: ((line: string) => void) | undefined
  readonly offline: boolean
  readonly ignoreScripts: boolean
  /** In milliseconds; the installer's own limit when absent. */
  readonly importLimitMs?: number
}
