import { join } from 'node:path'
import { systemError } from '../errors/system-error.ts'
import type { TreeDisk } from './disk.ts'
import { nodeDisk } from './node-disk.ts'

/** A disk on which `folder` has a link that nobody may follow. Not even root could make a real one that stops root. */
export function withForbiddenLink(folder: string, name: string): TreeDisk {
  const error = systemError('EACCES', 'stat', join(folder, name))
  return {
    ...nodeDisk,
    list: async (path) => {
      const entries = await nodeDisk.list(path)
      return path === folder ? [...entries, { name, kind: 'unknown', error }] : entries
    },
  }
}
