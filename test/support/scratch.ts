import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unprivilegedUser } from './unprivileged-user.ts'

/** A folder of its own, removed with all that is in it when it is disposed of, and at the latest when the process exits. */
export interface Scratch extends AsyncDisposable {
  readonly path: string
  /** Removes it; idempotent. */
  remove(): void
}

/** Who owns it: `server` is the user that PostgreSQL runs as, `self` the one that runs the tests. */
export type ScratchOwner = 'self' | 'server'

const present = new Set<string>()
process.on('exit', () => {
  for (const path of present) removeTree(path)
})

/**
 * Makes an empty folder below `WALR_SCRATCH` (or the system's place for temporary files). `self` folders can be
 * entered by everybody, so that PostgreSQL's user reaches what is below them.
 */
export function makeScratch(label: string, owner: ScratchOwner = 'self'): Scratch {
  const path = mkdtempSync(join(scratchRoot(), `walr-${label}-`))
  present.add(path)
  const user = unprivilegedUser()
  chmodSync(path, owner === 'self' ? 0o711 : 0o700)
  if (owner === 'server' && user) chownSync(path, user.uid, user.gid)
  const remove = (): void => {
    removeTree(path)
    present.delete(path)
  }
  return {
    path,
    remove,
    [Symbol.asyncDispose]: () => {
      remove()
      return Promise.resolve()
    },
  }
}

/** Where scratch folders go; a runner that sets `WALR_SCRATCH` can remove whatever a killed test left. */
export function scratchRoot(): string {
  return process.env['WALR_SCRATCH'] ?? tmpdir()
}

function removeTree(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}
