import { spawnSync } from 'node:child_process'

/** A numeric user and group that a process can be started as. */
export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

/** `nobody` and `nogroup`, which every Debian has; a `postgres` user may not exist. */
const NOBODY: SystemUser = { uid: 65_534, gid: 65_534 }

/** Who runs PostgreSQL, which refuses root: `nobody` when this process is root, otherwise undefined, the same user. */
export function unprivilegedUser(): SystemUser | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined
}

/** The part of spawn's options that starts a process as `user`. */
export function asUser(user: SystemUser | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {}
}

/** Whether `user` can execute (or, for a directory, enter) `path`, as the system itself says. */
export function canExecute(path: string, user: SystemUser | undefined): boolean {
  return spawnSync('test', ['-x', path], { cwd: '/', ...asUser(user) }).status === 0
}
