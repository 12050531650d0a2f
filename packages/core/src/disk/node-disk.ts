import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { link, lstat, mkdir, open, readdir, rename, stat, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiskEntry, DiskFile, FileKind, TreeDisk } from './disk.ts'
import { NodeDiskFile } from './node-disk-file.ts'
import { isSystemError } from '../errors/system-error.ts'

const openFlags = {
  create: constants.O_RDWR | constants.O_CREAT,
  createNew: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  existing: constants.O_RDWR,
  read: constants.O_RDONLY,
} as const

/** The real file system. The process's umask may take bits from the modes. */
export const nodeDisk: TreeDisk = {
  async open(path, how, mode = 0o600): Promise<DiskFile> {
    return new NodeDiskFile(path, await open(path, openFlags[how], mode))
  },

  async openDirect(path, selfSyncing) {
    // Not every platform has it.
    const { O_DIRECT } = constants as Partial<typeof constants>
    if (O_DIRECT === undefined) return undefined
    try {
      return new NodeDiskFile(
        path,
        await open(path, constants.O_WRONLY | O_DIRECT | (selfSyncing ? constants.O_DSYNC : 0)),
      )
    } catch (error) {
      if (isSystemError(error, 'EINVAL')) return undefined
      throw error
    }
  },

  async list(directory) {
    const entries = await readdir(directory, { withFileTypes: true })
    return Promise.all(
      entries.map(async (entry): Promise<DiskEntry> => {
        if (entry.isSymbolicLink()) return linkEntry(directory, entry.name)
        return { name: entry.name, kind: kindOf(entry) }
      }),
    )
  },

  async size(path) {
    try {
      return (await stat(path)).size
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined
      throw error
    }
  },

  rename,

  async remove(path) {
    try {
      await unlink(path)
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error
    }
  },

  async makeDirectory(path, mode = 0o700) {
    try {
      await mkdir(path, { mode })
    } catch (error) {
      if (!isSystemError(error, 'EEXIST') || !(await stat(path)).isDirectory()) throw error
    }
  },

  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await syncDirectoryHandle(handle)
    } finally {
      await handle.close()
    }
  },

  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  },

  async stat(path) {
    try {
      const stats = await stat(path, { bigint: true })
      return {
        kind: kindOf(stats),
        size: Number(stats.size),
        modifiedAt: stats.mtime,
        identity: `${String(stats.dev)}:${String(stats.ino)}`,
      }
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined
      throw error
    }
  },

  async named(path) {
    try {
      const stats = await lstat(path)
      return stats.isSymbolicLink() ? 'link' : kindOf(stats)
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    }
  },

  link,
}

/**
 * Some file systems have no fsync for directories and say so with EBADF or EINVAL; PostgreSQL takes that for success, too
 * (`fsync_fname` in `src/common/file_utils.c`). Every other failure counts.
 */
async function syncDirectoryHandle(handle: FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if (!isSystemError(error, 'EBADF', 'EINVAL')) throw error
  }
}

/** Whoever may write into a directory may put a link there that others cannot follow: that is no fault of the listing. */
async function linkEntry(directory: string, name: string): Promise<DiskEntry> {
  try {
    return { name, kind: kindOf(await stat(join(directory, name))) }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return { name, kind: 'other' }
    if (isSystemError(error)) return { name, kind: 'unknown', error }
    throw error
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): FileKind {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'directory' : 'other'
}
