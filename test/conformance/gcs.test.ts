import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  packageConformance,
  storageConformance,
  vitestRunner,
  type StorageHarness,
} from '../../packages/plugin-testkit/src/index.ts'
import { openAt } from '../gcs/open-gcs-storage.ts'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import { freePort } from '../support/free-port.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'

const runner = vitestRunner({ describe, it, afterAll })
const ACCOUNT = 'walr@fake.iam.gserviceaccount.com'
const STRANGER = 'stranger@fake.iam.gserviceaccount.com'
const MEBIBYTE = 1024 ** 2

let server: FakeGcs
let scratch: Scratch
let shared: string
beforeAll(async () => {
  server = await startFakeGcs()
  scratch = makeScratch('gcs-conformance')
  for (const [name, account] of Object.entries({ account: ACCOUNT, stranger: STRANGER })) {
    writeFileSync(keyFile(name), JSON.stringify(await server.command('keyFile', account)))
  }
  shared = await server.createBucket({ accounts: [ACCOUNT] })
})
afterAll(async () => {
  await server.stop()
  scratch.remove()
})

type Place = Readonly<Record<string, unknown>> & { readonly bucket: string }

function keyFile(name: string): string {
  return join(scratch.path, `${name}.json`)
}

function harness(makePlace: () => Promise<Place>, partBytes: number): () => Promise<StorageHarness> {
  return async () => {
    const place = { keyFile: keyFile('account'), chunkSize: partBytes, ...(await makePlace()) }
    return {
      open: () => openAt(server.endpoint, place),
      openUnreachable: async () => openAt(`http://127.0.0.1:${await freePort()}`, place),
      openDenied: () => openAt(server.endpoint, { ...place, keyFile: keyFile('stranger') }),
      openWithoutBase: () => openAt(server.endpoint, { ...place, bucket: `walr-${randomUUID()}` }),
      close: () => Promise.resolve(),
      partBytes,
    }
  }
}

describe('Google Cloud Storage in a bucket of the fake', () => {
  const makePlace = async () => ({ bucket: await server.createBucket({ accounts: [ACCOUNT] }) })
  storageConformance(runner, harness(makePlace, 5 * MEBIBYTE))
})

describe('Google Cloud Storage below a prefix, in the smallest chunks', () => {
  const makePlace = () => Promise.resolve({ bucket: shared, prefix: `walr/${randomUUID()}` })
  storageConformance(runner, harness(makePlace, MEBIBYTE / 4))
})

describe('the package @walr/plugin-gcs', () => {
  packageConformance(runner, join(import.meta.dirname, '../../packages/plugin-gcs'), {
    loadsOnImport: ['zod', '@walr/plugin-kit/options'],
  })
})
