import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CLUSTER, SEGMENT, segment } from '../../restore/segment.fixture.ts'
import { parseWantedFile } from '../../restore/wanted-file.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { DirectWay } from './direct-way.ts'

const two = '000000010000000000000002'
const { signal } = new AbortController()

let root: string
let target: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-direct-'))
  target = join(root, 'RECOVERYXLOG')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A configuration with a storage of its own; `dispose` is the body of its last method. */
function configure(dispose: string): string {
  const folder = join(root, 'plugin')
  mkdirSync(folder)
  const walr = { apiVersion: 1, provides: ['storage'] }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'own', type: 'module', main: 'index.js', walr }))
  writeFileSync(join(root, two), segment(two))
  const identity = { format: 1, archiveId: 'a', systemIdentifier: CLUSTER.toString(), walSegmentSize: SEGMENT }
  writeFileSync(join(root, 'identity.json'), JSON.stringify(identity))
  writeFileSync(
    join(folder, 'index.js'),
    `import { readFileSync, existsSync } from 'node:fs'
    class NotFound extends Error { code = 'NotFound'; [Symbol.for('walr.StorageError/1')] = true }
    const storage = {
      capabilities: { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity },
      async get(key) {
        const file = ${JSON.stringify(root)} + '/' + key.split('/').at(-1)
        if (!existsSync(file)) throw new NotFound(key)
        return (async function* () { yield readFileSync(file) })()
      },
      async *list() {},
      async put() {}, async head() {}, async delete() {},
      async [Symbol.asyncDispose]() { ${dispose} },
    }
    export default {
      name: 'own', apiVersion: 1, options: [], parseOptions: () => ({}), createStorage: async () => storage,
    }`,
  )
  const file = join(root, 'walr.yaml')
  writeFileSync(file, 'plugins: ["./plugin"]\narchive: { storage: { use: "./plugin" }, codecs: [] }\n')
  return file
}

it.each([
  ['never ends', 'await new Promise(() => setTimeout(() => {}, 0))'],
  ['fails', 'throw new Error("gone")'],
])('delivers, and ends, though the plugin %s when it is closed', async (_what, dispose) => {
  const settings = {
    ...{ configPath: configure(dispose), archiveOnly: true, timeoutMs: 1000 },
    systemIdentifier: CLUSTER.toString(),
  }
  {
    await using way = new DirectWay(settings, { logger: new RecordingLogger(), signal, environment: {} }, 20)
    const request = { wanted: parseWantedFile(two), partial: 'auto' } as const
    let chunks = 0
    expect(await way.restore(request, target, signal, () => (chunks += 1))).toBe('delivered')
    expect(chunks).toBeGreaterThan(0)
    const absent = { wanted: parseWantedFile('00000002.history'), partial: 'auto' } as const
    expect(await way.restore(absent, join(root, 'history'), signal, () => undefined)).toBe('absent')
    expect(existsSync(join(root, 'history'))).toBe(false)
  }
  expect(readFileSync(target).equals(segment(two))).toBe(true)
})
