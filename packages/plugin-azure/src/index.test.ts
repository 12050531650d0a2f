import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

/** Tells which modules are loaded by importing the plugin, and then by opening a storage with the options given. */
const LOADED = `
import { registerHooks } from 'node:module'
let loaded = []
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
const [file, options] = process.argv.slice(1)
const { default: plugin } = await import(file)
const onImport = loaded
loaded = []
const signal = new AbortController().signal
const context = { log: console, signal, now: () => new Date(), baseDirectory: '/' }
const storage = await plugin.createStorage(plugin.parseOptions(JSON.parse(options)), context)
await storage[Symbol.asyncDispose]()
process.stdout.write(JSON.stringify({ onImport, onOpen: loaded }))
`

interface Loaded {
  readonly onImport: readonly string[]
  readonly onOpen: readonly string[]
}

async function loadedModules(options: Readonly<Record<string, unknown>>): Promise<Loaded> {
  const args = ['--input-type=module', '--eval', LOADED, join(import.meta.dirname, 'index.ts'), JSON.stringify(options)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as Loaded
}

describe('the plugin', () => {
  it.each([{ accountKey: 'a2V5' }, { credential: 'default' }])(
    'loads no part of the SDK on import, and no credentials when it is opened with %o',
    async (way) => {
      const { onImport, onOpen } = await loadedModules({ accountName: 'walr', container: 'backups', ...way })
      expect(onImport.some((url) => url.endsWith('/options.ts'))).toBe(true)
      expect(onImport.filter((url) => url.includes('/@azure/'))).toEqual([])
      expect(onOpen.some((url) => url.includes('/@azure/storage-blob/'))).toBe(true)
      expect(onOpen.filter((url) => url.includes('/@azure/identity/') || url.includes('/msal'))).toEqual([])
    },
  )
})
