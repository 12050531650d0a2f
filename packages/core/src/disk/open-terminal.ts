import { openSync } from 'node:fs'

/**
 * Opens the terminal that controls this process, whatever its standard streams are.
 * @returns a descriptor, which the caller closes; undefined when there is no such terminal.
 */
export function openTerminal(direction: 'read' | 'write'): number | undefined {
  try {
    return openSync('/dev/tty', direction === 'read' ? 'r' : 'r+')
  } catch {
    return undefined
  }
}
