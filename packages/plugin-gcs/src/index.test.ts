import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

/** Tells which modules an import loads. */
const LOADED = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
await import(process.argv[1])
process.stdout.write(JSON.stringify(loaded))
`

async function loadedBy(file: string): Promise<readonly string[]> {
  const args = ['--input-type=module', '--eval', LOADED, join(import.meta.dirname, file)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as readonly string[]
}

const library = /google-auth-library|gaxios|gcp-metadata/

describe('importing the plugin', () => {
  it('loads nothing that speaks to a server', async () => {
    const loaded = await loadedBy('index.ts')
    expect(loaded.some((url) => url.endsWith('/options.ts'))).toBe(true)
    expect(loaded.filter((url) => library.test(url) || /http-exchange|node:https?/.test(url))).toEqual([])
  })
})

describe('opening a storage', () => {
  it('loads no library of Google: only federated identities need it', async () => {
    const loaded = await loadedBy('storage.ts')
    expect(loaded.some((url) => url.endsWith('/file-token.ts'))).toBe(true)
    expect(loaded.filter((url) => library.test(url))).toEqual([])
  })
})
