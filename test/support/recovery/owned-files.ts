import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { unprivilegedUser } from '../unprivileged-user.ts'

/** Writes a file that belongs to the user that runs PostgreSQL. Returns its path. */
export function writeOwned(path: string, content: string | Uint8Array, mode = 0o600): string {
  writeFileSync(path, content)
  own(path, mode)
  return path
}

/** Makes a folder of that user. Returns its path. */
export function makeOwnedFolder(path: string): string {
  mkdirSync(path)
  own(path, 0o700)
  return path
}

/** Gives a file or folder to that user. */
export function own(path: string, mode: number): void {
  const user = unprivilegedUser()
  chmodSync(path, mode)
  if (user) chownSync(path, user.uid, user.gid)
}
