import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  packageConformance,
  storageConformance,
  vitestRunner,
  type StorageHarness,
} from '../../packages/plugin-testkit/src/index.ts'
import { openOnServer } from '../sftp/open-sftp-storage.ts'
import { freePort } from '../support/free-port.ts'
import { SmallFilesystem } from '../support/small-filesystem.ts'
import { makeKey, startSshd, type KeyFiles, type Sshd } from '../support/sshd/sshd.ts'

const runner = vitestRunner({ describe, it, afterAll })

let server: Sshd
let memory: SmallFilesystem
let stranger: KeyFiles
beforeAll(async () => {
  // thousands of objects are stored durably: that is not to depend on a disk
  memory = new SmallFilesystem(2048)
  server = await startSshd()
  stranger = await makeKey(join(server.path, 'stranger'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await memory[Symbol.asyncDispose]()
})

function harness(more: Readonly<Record<string, unknown>> = {}): () => Promise<StorageHarness> {
  return () => {
    const directory = mkdtempSync(join(memory.path, 'place-'))
    chmodSync(directory, 0o777)
    const place = { directory, ...more }
    return Promise.resolve({
      open: () => openOnServer(server, place),
      openUnreachable: async () => openOnServer(server, { ...place, port: await freePort() }),
      openDenied: () => openOnServer(server, { ...place, privateKeyFile: stranger.path }),
      openWithoutBase: () => openOnServer(server, { ...place, directory: `${place.directory}/absent` }),
      close: () => {
        rmSync(directory, { recursive: true })
        return Promise.resolve()
      },
    })
  }
}

describe('SFTP storage in a directory of OpenSSH', () => {
  storageConformance(runner, harness())
})

describe('SFTP storage below a prefix, with one connection and without hard links', () => {
  storageConformance(runner, harness({ prefix: 'pg/prod', hardLinks: false, maxConnections: 1, mode: 'group' }))
})

describe('the package @walr/plugin-sftp', () => {
  packageConformance(runner, join(import.meta.dirname, '../../packages/plugin-sftp'), {
    loadsOnImport: ['zod', '@walr/plugin-kit/options'],
  })
})
