import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Storage } from '../../packages/core/src/plugins/contract/index.ts'
import { packageConformance, storageConformance, vitestRunner } from '../../packages/plugin-testkit/src/index.ts'
import { freePort } from '../support/free-port.ts'
import { WEBDAV_USER } from '../support/webdav/apache-configuration.ts'
import { startApache, type WebdavServer } from '../support/webdav/apache.ts'
import { openExample } from './open-example.ts'

const runner = vitestRunner({ describe, it, afterAll })

let server: WebdavServer
beforeAll(async () => {
  server = await startApache()
})
afterAll(() => server.stop())

describe('the example in a folder of Apache', () => {
  // its options have no prefix: a folder below the server's root is one, here with a name that URLs have to escape
  storageConformance(runner, () => {
    const url = server.makeFolder(`wal & base/${randomUUID()}`)
    const at = (options: object): Promise<Storage> => openExample({ url, ...WEBDAV_USER, ...options })
    return Promise.resolve({
      open: () => at({}),
      openUnreachable: async () => at({ url: `http://127.0.0.1:${await freePort()}/` }),
      openDenied: () => at({ password: 'wrong' }),
      openWithoutBase: () => at({ url: `${url}-absent` }),
      close: () => Promise.resolve(),
    })
  })
})

describe('the package of the example', () => {
  packageConformance(runner, join(import.meta.dirname, '../../examples/plugin-storage-http'), { loadsOnImport: [] })
})
