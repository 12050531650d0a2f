import type { Logger } from '../../telemetry/logger.ts'

/** What is in the archive only is "unknown" then. */
export function warnOfUnservedArchive(logger: Logger): void {
  logger.warning('http: the archive is not served, because it is configured by the environment alone', {
    hint: 'Put "archive" into a configuration file, and name that with --config or WALR_CONFIG.',
  })
}
