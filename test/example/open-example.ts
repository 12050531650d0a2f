import plugin from '../../examples/plugin-storage-http/src/index.ts'
import type { Storage } from '../../packages/core/src/plugins/contract/index.ts'
import { silentLogger } from '../plugins/silent-logger.ts'

/** Opens the example's storage as walr would, but without walr's own repetitions and checks. The caller disposes of it. */
export async function openExample(options: Readonly<Record<string, unknown>>): Promise<Storage> {
  const storage = await plugin.createStorage?.(plugin.parseOptions(options), {
    log: silentLogger,
    signal: new AbortController().signal,
    now: () => new Date(),
    baseDirectory: '/',
  })
  if (!storage) throw new Error('the example offers no storage')
  return storage
}
