import type { Logger } from '../../telemetry/logger.ts'
import { reportError } from '../../telemetry/report-error.ts'
import type { UpdatedPlugin } from './update-plugins.ts'

/** Reports what could not be updated. @returns how many. */
export function reportFailures(plugins: readonly UpdatedPlugin[], logger: Logger, isVerbose: boolean): number {
  let count = 0
  for (const plugin of plugins) {
    if (plugin.status !== 'failed') continue
    count += 1
    reportError(logger, plugin.error, isVerbose ? 1 : 0)
  }
  return count
}
