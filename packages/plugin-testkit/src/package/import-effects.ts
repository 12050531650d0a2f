import { execFile } from 'node:child_process'
import { pathToFileURL } from 'node:url'

/** What importing a module did, in a process of its own. */
export interface ImportEffects {
  /** URLs of all modules that were loaded for it. */
  readonly loaded: readonly string[]
  /** Handles that keep the process running: timers, sockets, servers. */
  readonly handles: readonly string[]
  readonly newGlobals: readonly string[]
  readonly newEnvironment: readonly string[]
  readonly newListeners: readonly string[]
  /** What it wrote, on both streams. */
  readonly output: string
}

const TIMEOUT_MS = 30_000
const MARK = 'walr-testkit-import-effects:'

/** Runs alone in a process: `process.argv[1]` is the URL to import, what follows are packages that it may load. Sent as text, so that nothing of the kit is loaded. */
const PROBE = `
import { createRequire, registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
const loaded = []
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
const globals = () => Object.getOwnPropertyNames(globalThis)
const listeners = () => process.eventNames().map((name) => String(name) + ' ' + process.listenerCount(name))
const environment = () => Object.entries(process.env).map((entry) => entry.join('='))
// What the plugin may load is loaded first: its effects are not the plugin's.
for (const name of process.argv.slice(2)) {
  let path
  try { path = createRequire(process.argv[1]).resolve(name) } catch { continue }
  await import(pathToFileURL(path).href)
}
loaded.length = 0
const before = { globals: globals(), listeners: listeners(), environment: environment() }
const isNew = (list) => (item) => !list.includes(item)
await import(process.argv[1])
await new Promise((resolve) => setImmediate(resolve))
const effects = {
  loaded: loaded.filter((url) => url.startsWith('file:')),
  handles: process.getActiveResourcesInfo().filter((name) => !/^(Immediate|TTYWrap|PipeWrap)$/.test(name)),
  newGlobals: globals().filter(isNew(before.globals)),
  newListeners: listeners().filter(isNew(before.listeners)),
  newEnvironment: environment().filter(isNew(before.environment)).map((entry) => entry.split('=')[0]),
}
process.stdout.write('\\n${MARK}' + JSON.stringify(effects), () => process.exit(0))
`

/**
 * Imports a file in a process of its own and tells what that did. Rejects when the import fails.
 * @param mayLoad packages whose own effects do not count.
 */
export async function importEffects(file: string, mayLoad: readonly string[] = []): Promise<ImportEffects> {
  const { promise, resolve, reject } = Promise.withResolvers<{ stdout: string; stderr: string }>()
  const argv = ['--input-type=module', '--eval', PROBE, pathToFileURL(file).href, ...mayLoad]
  const child = execFile(process.execPath, argv, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
    if (error === null) resolve({ stdout, stderr })
    else reject(new Error(`"${file}" cannot be imported: ${stderr.trim() || error.message}`, { cause: error }))
  })
  child.stdin?.end()
  const { stdout, stderr } = await promise
  const at = stdout.lastIndexOf(`\n${MARK}`)
  const effects = JSON.parse(stdout.slice(at + 1 + MARK.length)) as Omit<ImportEffects, 'output'>
  return { ...effects, output: stdout.slice(0, at) + stderr }
}
