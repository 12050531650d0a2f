import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** A path of the options as an absolute one of this machine: `~/` is the home, others start at the configuration file. */
export function localPath(path: string, baseDirectory: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(baseDirectory, path)
}
