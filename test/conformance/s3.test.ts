import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import {
  packageConformance,
  storageConformance,
  vitestRunner,
  type StorageHarness,
} from '../../packages/plugin-testkit/src/index.ts'
import { openOnServer } from '../s3/open-s3-storage.ts'
import { freePort } from '../support/free-port.ts'
import { startRadosgw, type Radosgw, type S3Credentials } from '../support/radosgw/radosgw.ts'

const runner = vitestRunner({ describe, it, afterAll })

let server: Radosgw
let stranger: S3Credentials
let shared: string
beforeAll(async () => {
  server = await startRadosgw()
  stranger = await server.createUser('stranger')
  shared = await server.createBucket()
})
afterAll(() => server.stop())

type Place = Readonly<Record<string, unknown>> & { readonly bucket: string }

function harness(makePlace: () => Promise<Place>): () => Promise<StorageHarness> {
  return async () => {
    const place = await makePlace()
    return {
      open: () => openOnServer(server, place),
      openUnreachable: async () => openOnServer({ ...server, endpoint: `http://127.0.0.1:${await freePort()}` }, place),
      openDenied: () => openOnServer({ ...server, ...stranger }, place),
      openWithoutBase: () => openOnServer(server, { ...place, bucket: `walr-${randomUUID()}` }),
      close: () => Promise.resolve(),
    }
  }
}

describe('S3 storage in a bucket of radosgw', () => {
  storageConformance(
    runner,
    harness(async () => ({ bucket: await server.createBucket() })),
  )
})

describe('S3 storage below a prefix, without conditional writes and extra checksums', () => {
  storageConformance(
    runner,
    harness(() =>
      Promise.resolve({
        bucket: shared,
        prefix: `walr/${randomUUID()}`,
        conditionalWrites: false,
        requestChecksumCalculation: 'WHEN_REQUIRED',
      }),
    ),
  )
})

describe('the package @walr/plugin-s3', () => {
  packageConformance(runner, join(import.meta.dirname, '../../packages/plugin-s3'), {
    loadsOnImport: ['zod', '@walr/plugin-kit/options'],
  })
})
