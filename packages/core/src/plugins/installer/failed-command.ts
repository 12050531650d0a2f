import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PluginSpec } from './plugin-spec.ts'

/** What a command that npm ran had to say, in the words of {@link npmError}. */
export interface FailedCommand {
  readonly reason: string
  readonly hint: string
}

/** What failed when npm ran a script of a package, or git; undefined when it was neither. */
export function failedCommand(lines: readonly string[], spec: PluginSpec): FailedCommand | undefined {
  if (lines.includes('syscall spawn git')) {
    return { reason: 'git cannot be run', hint: 'Install git, or see that it is in the PATH.' }
  }
  const command = firstGroup(lines, /^command (?!failed$)(.+)$/)
  if (command === undefined) return undefined
  if (/^git(?:\.exe)? /.test(command)) {
    const said = firstGroup(lines, /^(?:fatal|error): (.+)$/) ?? command
    return { reason: `git failed: ${said}`, hint: 'Check the address, and whether git may read it without asking.' }
  }
  const path = firstGroup(lines, /^path (.+)$/) ?? ''
  const script = command.replace(/^(?:sh|\S*\/sh) -c /, '')
  const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1]
  const of = name === undefined ? 'its own script' : `a script of "${name}"`
  return { reason: `${of} failed: ${script}`, hint: hintFor(name, spec) }
}

/** A folder's script runs in that folder, with what its author has installed there. */
function hintFor(name: string | undefined, { kind, text }: PluginSpec): string {
  if (kind === 'folder' && name === undefined && !existsSync(join(text, 'node_modules'))) {
    return `Run "npm install" in "${text}" first: the script may need what the package is built with.`
  }
  return 'The detail has what it wrote; --verbose shows that as it comes.'
}

function firstGroup(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined)
}
