import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readManifest, UnusableManifest } from './plugin-manifest.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walr-manifest-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Reads a package.json with this version; undefined: with none. */
function read(version: unknown): Promise<{ readonly version: string }> {
  const file = join(folder, 'package.json')
  writeFileSync(file, JSON.stringify({ name: 'x', version, walr: { apiVersion: 1, provides: ['codec'] } }))
  return readManifest(file)
}

it.each(['1.0.0', '0.0.1-alpha.1', '10.20.30-rc-1.x+build.5', '1.0.0+5'])('takes %s for a version', async (version) => {
  expect((await read(version)).version).toBe(version)
})

it.each(['1.0.0/../../../../evil', '1.0', 'v1.0.0', '', '1.0.0-', '1.0.0-a..b', '1.0.0\n', 1, null])(
  'refuses %j as a version',
  async (version) => {
    const refused = read(version)
    await expect(refused).rejects.toThrow('which is no version (it has to be like "1.0.0")')
    await expect(refused).rejects.toBeInstanceOf(UnusableManifest)
  },
)

it('does without a version', async () => {
  expect((await read(undefined)).version).toBe('')
})
