import { expect, it } from 'vitest'
import { entry, PluginWorkspace } from './plugin-workspace.ts'
import { silentLogger } from './silent-logger.ts'

/** The code of a storage plugin with this capability; nothing of it is called. */
const storagePlugin = (name: string, createIfAbsent: string): string => `
const none = () => { throw new Error('not expected') }
const storage = {
  capabilities: { createIfAbsent: '${createIfAbsent}', rangeReads: true, maxObjectBytes: Infinity },
  put: none, get: none, head: none, list: none, delete: none,
  [Symbol.asyncDispose]: async () => {},
}
export default { name: '${name}', apiVersion: 1, options: [], parseOptions: (o) => o, createStorage: async () => storage }
`

it.each([
  ['check-then-write', 1],
  ['atomic', 0],
])('who opens a storage that is %s is warned of a second writer %i times', async (createIfAbsent, count) => {
  await using workspace = new PluginWorkspace()
  const walr = { apiVersion: 1, provides: ['storage'] }
  workspace.install('walr-x', storagePlugin('walr-x', createIfAbsent), { walr })
  const warnings: string[] = []
  const logger = { ...silentLogger, warning: (message: string): void => void warnings.push(message) }
  await using storage = await workspace.loader(['walr-x'], { logger }).openStorage(entry('walr-x', {}, 'storage'))
  expect(storage.capabilities.createIfAbsent).toBe(createIfAbsent)
  expect(warnings.filter((line) => line.includes('let no other walr write to this storage'))).toHaveLength(count)
})
