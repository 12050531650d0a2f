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

describe('importing the plugin', () => {
  it('loads no part of the SDK', async () => {
    const args = ['--input-type=module', '--eval', LOADED, join(import.meta.dirname, 'index.ts')]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const loaded = JSON.parse(stdout) as readonly string[]
    expect(loaded.some((url) => url.endsWith('/options.ts'))).toBe(true)
    expect(loaded.filter((url) => /\/ssh2|cpu-features|asn1/.test(url))).toEqual([])
  })
})
