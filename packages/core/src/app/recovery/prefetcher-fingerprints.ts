import type { TreeDisk } from '../../disk/disk.ts'

/** A text that changes when one of the files changes, is replaced, or comes or goes. */
export async function fingerprintsOf(disk: TreeDisk, paths: readonly string[]): Promise<string> {
  const found = await Promise.all(paths.map((path) => disk.stat(path).catch(() => undefined)))
  return found.map((file) => (file ? `${file.identity}:${file.size}:${file.modifiedAt.getTime()}` : '-')).join(' ')
}
