import { homedir } from 'node:os'
import { dataDirectories } from '../../plugins/loader/data-directories.ts'

/** The data directories of this process; threads have those of the process that started them. */
export function dataDirectoriesHere(): readonly [string, ...string[]] {
  return dataDirectories({ environment: process.env, uid: process.getuid?.(), home: homedir() })
}
