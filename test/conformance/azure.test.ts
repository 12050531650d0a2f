import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  packageConformance,
  storageConformance,
  vitestRunner,
  type StorageHarness,
} from '../../packages/plugin-testkit/src/index.ts'
import { openOnServer } from '../azure/open-azure-storage.ts'
import { startAzurite, type Azurite } from '../support/azurite/azurite.ts'
import { freePort } from '../support/free-port.ts'

const runner = vitestRunner({ describe, it, afterAll })

let server: Azurite
beforeAll(async () => {
  server = await startAzurite()
})
afterAll(() => server.stop())

/** A container of its own for each case; azurite searches through all that it has. */
async function harness(more: Readonly<Record<string, unknown>>): Promise<StorageHarness> {
  const container = await server.createContainer()
  const place = { container, ...more }
  // not below the prefix, and so not to be seen
  if ('prefix' in more) await server.client().getContainerClient(container).uploadBlockBlob('walr/main2', 'x', 1)
  const stranger = { ...server, accountKey: randomBytes(64).toString('base64') }
  return {
    open: () => openOnServer(server, place),
    openUnreachable: async () =>
      openOnServer({ ...server, endpoint: `http://127.0.0.1:${await freePort()}/walr` }, place),
    openDenied: () => openOnServer(stranger, place),
    openWithoutBase: () => openOnServer(server, { ...place, container: `walr-${randomUUID()}` }),
    close: async () => {
      await server.client().deleteContainer(container)
    },
  }
}

describe('Azure storage in a container of azurite', () => {
  storageConformance(runner, () => harness({}))
})

describe('Azure storage below a prefix', () => {
  storageConformance(runner, () => harness({ prefix: 'walr/main' }))
})

describe('the package @walr/plugin-azure', () => {
  packageConformance(runner, join(import.meta.dirname, '../../packages/plugin-azure'), {
    loadsOnImport: ['zod', '@walr/plugin-kit/options'],
  })
})
