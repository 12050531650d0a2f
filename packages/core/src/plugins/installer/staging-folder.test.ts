import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeStagingFolder } from './staging-folder.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-staging-'))
})
afterEach(() => {
  rmSync(data, { recursive: true, force: true })
})

/** What a process that was killed has left. @returns its path. */
function leftover(mode: number): string {
  const path = join(data, 'plugins', `.staging-999999999-${mode.toString(8)}`)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'file'), '')
  chmodSync(path, mode)
  return path
}

/** Runs it as a user who may not do everything. */
async function asNobody<T>(action: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return action()
  chmodSync(data, 0o755)
  chmodSync(join(data, 'plugins'), 0o777)
  process.seteuid?.(65534)
  try {
    return await action()
  } finally {
    process.seteuid?.(0)
  }
}

it('what killed processes have left is removed, and what cannot be removed hinders nobody', async () => {
  const stuck = leftover(0o555)
  const path = await asNobody(async () => {
    await using staging = await makeStagingFolder(data)
    return staging.path
  })
  expect([existsSync(path), existsSync(stuck)]).toEqual([false, true])
  chmodSync(stuck, 0o755)
  const loose = leftover(0o755)
  await (await makeStagingFolder(data))[Symbol.asyncDispose]()
  expect([existsSync(stuck), existsSync(loose)]).toEqual([false, false])
})
