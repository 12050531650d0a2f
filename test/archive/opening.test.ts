import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readStatusFile } from '../../packages/core/src/app/archive/status-file.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { codecPlugin, PluginWorkspace } from '../plugins/plugin-workspace.ts'
import { freePort } from '../support/free-port.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

let workspace: PluginWorkspace
beforeEach(() => {
  workspace = new PluginWorkspace()
})
afterEach(() => workspace[Symbol.asyncDispose]())

const FILE = './plugin.mjs'
/** What a plugin does, once it has said so, instead of what it is asked for. */
const hang = (wait = 'new Promise(() => {})'): string =>
  `process.stderr.write('the plugin is reached\\n'); await ${wait}`

/** Starts walr with a plugin of this code as the storage or as the codec of its archive. */
function start(code: string, connection: string, hook: 'storage' | 'codec' = 'storage'): RunningProgram {
  workspace.write(FILE, code)
  workspace.write('receive/.keep', '')
  const used = { use: FILE }
  const config = {
    connection,
    receive: { directory: 'receive', slot: 'walr' },
    plugins: [FILE],
    archive: hook === 'storage' ? { storage: used } : { storage: { use: 'local', path: 'archive' }, codecs: [used] },
  }
  return startWalr(['receive', '--verbose', '--config', workspace.write('walr.config.yaml', JSON.stringify(config))])
}

it('a storage that never opens does not keep walr from receiving, nor from ending', async () => {
  await using cluster = await startCluster({ version: 17 })
  await createSlot(cluster, 'walr')
  const received = join(workspace.path, 'receive')
  mkdirSync(received)
  // With an empty directory the archive would be asked, for half a minute, where to begin.
  await using before = startWalr(['receive', '-D', received, '-S', 'walr', '-d', cluster.conninfo(), '--verbose'])
  const first = await finishSegments(cluster, 1)
  await waitFor('a segment is received', () => existsSync(join(received, first)))
  expect(await before.stop()).toBe(0)

  const createStorage = `async () => { ${hang()} }`
  await using walr = start(codecPlugin(FILE, { createCodec: '', createStorage }), cluster.conninfo())
  await walr.waitForLine(/warning: ".\/plugin.mjs" \(.* archive.storage\) has not opened its storage for 5 s/)
  const last = await finishSegments(cluster, 2)
  await waitFor('the segment is received', () => existsSync(join(received, last)))
  await walr.waitForLine(/warning: could not archive .*: the storage is not open yet/)
  const status = await waitFor('the status says so', async () => {
    const found = await readStatusFile(nodeDisk, received)
    return found?.archive.state === 'outage' ? found : undefined
  })
  expect(status.archive.lastError?.code).toBe('WALR_ARCHIVE_UNAVAILABLE')
  expect(await walr.stop()).toBe(0)
  expect(existsSync(join(received, last))).toBe(true)
})

describe('a wish to stop that comes before anything is received', () => {
  it.each([
    ['is imported', codecPlugin(FILE, {}, hang()), 'codec'],
    ['makes its codec', codecPlugin(FILE, { createCodec: `async () => { ${hang()} }` }), 'codec'],
    [
      'opens its storage',
      codecPlugin(FILE, { createCodec: '', createStorage: `async () => { ${hang()} }` }),
      'storage',
    ],
  ] as const)('ends walr in good order while a plugin never %s', async (_, code, hook) => {
    await using walr = start(code, `host=127.0.0.1 port=${await freePort()} user=walr`, hook)
    await walr.waitForLine(/the plugin is reached/)
    expect(await walr.stop('SIGTERM', 10_000)).toBe(0)
    expect(walr.stderr.join('\n')).toContain('received interrupt signal, exiting')
    expect(walr.stderr.join('\n')).not.toContain('error')
  })

  it('ends walr, though not in good order, while the operating system keeps the thread of a plugin', async () => {
    const pipe = join(workspace.path, 'pipe')
    execFileSync('mkfifo', [pipe])
    const wait = `open(${JSON.stringify(pipe)}, 'r')`
    const parts = { createCodec: '', createStorage: `async () => { ${hang(wait)} }` }
    const code = codecPlugin(FILE, parts, `import { open } from 'node:fs/promises'`)
    await using walr = start(code, `host=127.0.0.1 port=${await freePort()} user=walr`)
    await walr.waitForLine(/the plugin is reached/)
    expect(await walr.stop('SIGTERM', 15_000)).toBe('SIGKILL')
    expect(walr.stderr.join('\n')).toContain('the archive thread cannot be ended')
  })
})
