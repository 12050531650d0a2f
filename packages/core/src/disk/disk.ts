import type { SystemError } from '../errors/system-error.ts'

/** The file operations of walr. Everything that touches a file goes through here, so that tests can make any of it fail. */
export interface Disk {
  /**
   * Opens a file for reading and writing at given positions.
   * - `create`: makes it when it is absent (mode `0o600` or as `mode` says), never truncates.
   * - `createNew`: makes it, and fails with EEXIST when it is there.
   * - `existing`: fails with ENOENT when it is absent.
   * - `read`: for reading only.
   */
  open(path: string, how: 'create' | 'createNew' | 'existing' | 'read', mode?: number): Promise<DiskFile>
  /**
   * Opens a file that exists for writes past the page cache: they cost no copy and no memory. `selfSyncing`: each is
   * durable when it returns; otherwise only {@link DiskFile.dataSync} makes them so. Memory, position and length must be multiples of `DIRECT_ALIGNMENT`. Undefined where the system or
   * the file system has no such thing; some refuse only the write, with EINVAL.
   */
  openDirect(path: string, selfSyncing: boolean): Promise<DiskFile | undefined>
  /**
   * Names and kinds of the entries of a directory, in no order; a symbolic link counts as what it points to, and one that
   * leads nowhere as `other`.
   */
  list(directory: string): Promise<readonly DiskEntry[]>
  /** Size in bytes, or undefined when there is no such file. Any other failure rejects. */
  size(path: string): Promise<number | undefined>
  /** Replaces an existing target. Not durable before {@link syncDirectory}. */
  rename(from: string, to: string): Promise<void>
  /** A missing file is fine. */
  remove(path: string): Promise<void>
  /** A directory that exists is fine; its parent must exist. Mode `0o700` or as `mode` says. */
  makeDirectory(path: string, mode?: number): Promise<void>
  /** fsync of a directory: what was created, renamed or removed in it is durable afterwards. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that an unprivileged process may still write to the file system of `path`. */
  freeBytes(path: string): Promise<number>
}

/** A disk that keeps trees of files under names that others choose. */
export interface TreeDisk extends Disk {
  /** What lies at `path`, symbolic links followed; undefined when there is nothing. Any other failure rejects. */
  stat(path: string): Promise<DiskStat | undefined>
  /** What has that name itself, a symbolic link not followed; undefined when there is nothing. Any other failure rejects. */
  named(path: string): Promise<FileKind | 'link' | undefined>
  /**
   * Gives a file a second name; fails with EEXIST when the name is taken, and then changes nothing. Of several at the same
   * time one succeeds. Not durable before {@link Disk.syncDirectory}. File systems without it say EPERM or ENOTSUP.
   */
  link(existing: string, added: string): Promise<void>
}

/** What the system knows of a file or directory. */
export interface DiskStat {
  readonly kind: FileKind
  /** In bytes; of a directory a number without meaning. */
  readonly size: number
  readonly modifiedAt: Date
  /** Device and inode: equal for two names of one thing, different when another file system is mounted there. */
  readonly identity: string
}

export type FileKind = 'file' | 'directory' | 'other'

/** A name in a directory. */
export type DiskEntry =
  | { readonly name: string; readonly kind: FileKind }
  /** A link whose target may be there, and could not be looked at. */
  | { readonly name: string; readonly kind: 'unknown'; readonly error: SystemError }

/**
 * An open file. The `...Sync` forms are for the receiving thread, which knows from measurement that they are short; all
 * others go through libuv's pool. Errors are Node's, with `code` (`ENOSPC`, `EIO`).
 */
export interface DiskFile {
  readonly path: string
  /** Writes all `length` bytes of `bytes` from `offset` at `position`, or throws. The buffer may be reused on return. */
  writeSync(bytes: Uint8Array, offset: number, length: number, position: number): void
  /** As {@link writeSync}; `bytes` must not change until it settles. */
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<void>
  /** Fills `bytes` from `position`; resolves to the number of bytes read, which is less only at the end of the file. */
  read(bytes: Uint8Array, position: number): Promise<number>
  /** fdatasync(2): the data, and the metadata needed to read it. */
  dataSyncSync(): void
  dataSync(): Promise<void>
  /** fsync(2). */
  sync(): Promise<void>
  size(): Promise<number>
  truncate(size: number): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}
