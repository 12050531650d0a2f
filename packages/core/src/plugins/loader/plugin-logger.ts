import type { Logger } from '../../telemetry/logger.ts'
import type { PluginLogger } from '../contract/index.ts'
import type { SecretMask } from './secret-mask.ts'

/** A logger for a plugin: with its name before each message, and without its secrets. */
export function pluginLogger(logger: Logger, plugin: string, mask: SecretMask): PluginLogger {
  const text = (message: string): string => `${plugin}: ${mask(message)}`
  return {
    error: (message) => {
      logger.error(text(message))
    },
    warning: (message) => {
      logger.warning(text(message))
    },
    info: (message) => {
      logger.info(text(message))
    },
    debug: (message) => {
      logger.debug(text(message))
    },
  }
}
