import { after, describe, it } from 'node:test'
import { join } from 'node:path'
import { nodeTestRunner, packageConformance, storageConformance } from '@walr/plugin-testkit'
import { parseOptions } from '../src/options.ts'
import { ServiceStorage } from '../src/storage.ts'
import { RunningServer } from './running-server.ts'

// Every case of walr's conformance suites, see the README of @walr/plugin-testkit. A case that your service cannot pass by
// its nature is declared as a deviation, with the reason: { deviations: [{ caseId: 'STOR-...', reason: '...' }] }
const runner = nodeTestRunner({ describe, it, after })
const server = await RunningServer.start()
after(() => server[Symbol.asyncDispose]())

let buckets = 0
for (const prefix of [undefined, 'some/prefix']) {
  describe(prefix === undefined ? 'at the root of a bucket' : 'below a prefix', () => {
    storageConformance(runner, async () => {
      // Each case gets a place where nothing was ever stored.
      const bucket = `bucket-${++buckets}`
      await server.createBucket(bucket)
      const open = async (changes: Readonly<Record<string, string>> = {}): Promise<ServiceStorage> => {
        const usual = { url: server.url, bucket, token: server.token, ...(prefix !== undefined && { prefix }) }
        return new ServiceStorage(parseOptions({ ...usual, ...changes }))
      }
      return {
        open: () => open(),
        openUnreachable: () => open({ url: 'http://127.0.0.1:2' }),
        openDenied: () => open({ token: 'a wrong one' }),
        openWithoutBase: () => open({ bucket: 'there-is-no-such-bucket' }),
        close: () => server.removeBucket(bucket),
      }
    })
  })
}

packageConformance(runner, join(import.meta.dirname, '..'))
