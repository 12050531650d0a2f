import type { Hook } from '@oclif/core'
import { createLogger } from './create-logger.ts'
import { nearestName } from '../plugins/contract/nearest-name.ts'

/** oclif's hook for a word that is no command: says so, names the nearest command, and exits with status 1. Never asks. */
export const hook: Hook.CommandNotFound = async function ({ id, config }) {
  const logger = await createLogger({ verbosity: 0, logFormat: 'text' })
  const words = (text: string): string => text.replaceAll(':', ' ')
  const commandIds = config.commands.filter(({ hidden }) => !hidden).map((command) => command.id)
  const nearest = nearestName(id, commandIds)
  const help = `Try "${config.bin} --help" for a list of commands.`
  const hint = nearest === undefined ? help : `Did you mean "${config.bin} ${words(nearest)}"? ${help}`
  logger.error(`unknown command "${words(id)}"`, { hint })
  this.exit(1)
}
