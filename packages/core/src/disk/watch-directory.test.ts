import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { watchDirectory } from './watch-directory.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walr-watch-'))
  mkdirSync(join(folder, 'ready'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('tells when a file is renamed into the directory, and out of it', async () => {
  let changes = 0
  const end = watchDirectory(join(folder, 'ready'), () => changes++)
  writeFileSync(join(folder, 'file'), '')
  renameSync(join(folder, 'file'), join(folder, 'ready/file'))
  await expect.poll(() => changes).toBeGreaterThan(0)
  const before = changes
  renameSync(join(folder, 'ready/file'), join(folder, 'file'))
  await expect.poll(() => changes).toBeGreaterThan(before)
  end()
})

it('says nothing of a directory that is not there, or goes away', () => {
  watchDirectory(join(folder, 'missing'), () => undefined)()
  const end = watchDirectory(join(folder, 'ready'), () => undefined)
  rmSync(join(folder, 'ready'), { recursive: true })
  end()
})
