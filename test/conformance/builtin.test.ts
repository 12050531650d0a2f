import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { BUILTIN_PLUGINS } from '../../packages/core/src/builtin/index.ts'
import { parseLocalOptions } from '../../packages/core/src/builtin/local/local-options.ts'
import { openLocalStorage } from '../../packages/core/src/builtin/local/local-plugin.ts'
import type { TreeDisk } from '../../packages/core/src/disk/disk.ts'
import type { OperationName } from '../../packages/core/src/disk/fault-rules.ts'
import { FaultTreeDisk } from '../../packages/core/src/disk/fault-tree-disk.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import type { SystemErrorCode } from '../../packages/core/src/errors/system-error.ts'
import type { Codec, HookContext, Storage } from '../../packages/core/src/plugins/contract/index.ts'
import { PluginLoader } from '../../packages/core/src/plugins/loader/plugin-loader.ts'
import {
  codecConformance,
  storageConformance,
  vitestRunner,
  type StorageHarness,
} from '../../packages/plugin-testkit/src/index.ts'
import { silentLogger } from '../plugins/silent-logger.ts'
import { makeScratch } from '../support/scratch.ts'

const runner = vitestRunner({ describe, it, afterAll })

/** A disk that answers everything with one error: a file server that is away, or that lets nobody in. */
function brokenDisk(error: SystemErrorCode): TreeDisk {
  const disk = new FaultTreeDisk(nodeDisk)
  const operations: readonly OperationName[] = ['stat', 'open', 'list', 'link', 'rename', 'remove', 'makeDirectory']
  for (const operation of operations) disk.on({ operation }, { error })
  return disk
}

function context(baseDirectory: string): HookContext {
  return { log: silentLogger, signal: new AbortController().signal, now: () => new Date(), baseDirectory }
}

function loader(baseDirectory: string): PluginLoader {
  return new PluginLoader({
    ...context(baseDirectory),
    dataDirectories: [],
    plugins: [],
    configFile: undefined,
    builtins: BUILTIN_PLUGINS,
    logger: silentLogger,
  })
}

function localHarness(
  path: string,
  open: (folder: string) => Promise<Storage>,
  options: Readonly<Record<string, unknown>> = {},
): () => Promise<StorageHarness> {
  return () => {
    const scratch = makeScratch('local')
    mkdirSync(join(scratch.path, path), { recursive: true })
    const opened = (disk: TreeDisk, at: string): Promise<Storage> =>
      openLocalStorage(disk, parseLocalOptions({ ...options, path: at }), context(scratch.path))
    return Promise.resolve({
      open: () => open(scratch.path),
      openUnreachable: () => opened(brokenDisk('ESTALE'), path),
      openDenied: () => opened(brokenDisk('EACCES'), path),
      openWithoutBase: () => opened(nodeDisk, `${path}/absent`),
      close: () => {
        scratch.remove()
        return Promise.resolve()
      },
    })
  }
}

const bare = (path: string, options: Readonly<Record<string, unknown>> = {}) =>
  localHarness(
    path,
    (folder) => openLocalStorage(nodeDisk, parseLocalOptions({ ...options, path }), context(folder)),
    options,
  )

describe('local storage in a directory', () => {
  storageConformance(runner, bare('.'))
})

describe('local storage in a directory below, on a file system without hard links', () => {
  storageConformance(runner, bare('some/archive', { hardLinks: false, mode: 'group' }))
})

describe('local storage as walr uses it', () => {
  const entry = { use: 'local', options: { path: '.' }, place: 'archive.storage', hook: 'storage' } as const
  storageConformance(
    runner,
    localHarness('.', (folder) => loader(folder).openStorage(entry)),
  )
})

for (const use of ['zstd', 'gzip']) {
  const entry = { use, options: {}, place: 'archive.codecs[0]', hook: 'codec' } as const
  const close = (): Promise<void> => Promise.resolve()

  describe(`the codec ${use}`, () => {
    const open = async (): Promise<Codec> => {
      const plugin = BUILTIN_PLUGINS.find(({ name }) => name === use)
      const codec = await plugin?.createCodec?.(plugin.parseOptions({}), context('/'))
      if (codec === undefined) throw new Error(`there is no codec ${use}`)
      return codec
    }
    codecConformance(runner, () => Promise.resolve({ open, close }))
  })

  describe(`the codec ${use} as walr uses it`, () => {
    codecConformance(runner, () => Promise.resolve({ open: () => loader('/').openCodec(entry), close }))
  })
}
