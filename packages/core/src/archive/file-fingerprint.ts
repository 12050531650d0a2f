import type { TreeDisk } from '../disk/disk.ts'

declare const fingerprintBrand: unique symbol

/** Tells whether a file is still the very one, without reading it; a line of text. */
export type FileFingerprint = string & { readonly [fingerprintBrand]: true }

/** Undefined when there is no such file. */
export async function fingerprintOf(disk: TreeDisk, path: string): Promise<FileFingerprint | undefined> {
  const found = await disk.stat(path)
  if (found?.kind !== 'file') return undefined
  // Without the device: some systems number theirs anew at each start.
  const inode = found.identity.slice(found.identity.lastIndexOf(':') + 1)
  return `${found.size} ${found.modifiedAt.toISOString()} ${inode}` as FileFingerprint
}
