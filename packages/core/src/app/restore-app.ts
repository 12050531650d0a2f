import { restoreCommand } from './recovery/restore-command.ts'

/**
 * Runs `walr restore-command` for this process.
 * @returns the exit status (law 2).
 */
export function restoreApp(argv: readonly string[]): Promise<number> {
  return restoreCommand(argv, {
    environment: process.env,
    workingDirectory: process.cwd(),
    writeOutput: (text) => void process.stdout.write(text),
    // Reached by way of oclif only for the help; `bin/walr.js` listens for signals on the real way.
    signal: new AbortController().signal,
  })
}
