import { connect } from '../../packages/plugin-sftp/src/connect.ts'
import { loadCredentials } from '../../packages/plugin-sftp/src/credentials.ts'
import { startSshFaultProxy } from '../../test/support/sshd/ssh-fault-proxy.ts'
import { benchContext, rateOf, sourceOf, startSftpPlace } from './sftp-place.ts'

/** Rates of one work, round by round. */
export interface DelayedFigures {
  readonly what: string
  readonly rates: readonly { readonly plugin: number; readonly oneAtATime: number }[]
}

const MEBIBYTE = 1024 ** 2
const OBJECT_BYTES = 16 * MEBIBYTE
const REQUEST_BYTES = 32_768
/** So much is enough to know how fast one request at a time is. */
const SAMPLE_BYTES = MEBIBYTE
const { signal } = new AbortController()

/** The plugin, and one request after the other over the same kind of connection. */
export async function benchDelayedLine(rounds: number): Promise<readonly DelayedFigures[]> {
  await using place = await startSftpPlace()
  await using line = await startSshFaultProxy(place.server.port, { roundTripMs: 20 })
  await using storage = await place.open({ port: line.port })
  const options = place.options({ port: line.port })
  const credentials = await loadCredentials(options, '/')
  const session = await connect({ options, credentials, context: benchContext }, signal)
  const content = Buffer.alloc(OBJECT_BYTES, 'walr')
  const put = { what: 'put', rates: [] as DelayedFigures['rates'][number][] }
  const get = { what: 'get', rates: [] as DelayedFigures['rates'][number][] }
  await storage.put('warm', sourceOf(Buffer.from('warm')), { ifAbsent: false, signal })
  const into = Buffer.alloc(REQUEST_BYTES)
  for (let round = 0; round < rounds; round += 1) {
    const handle = await session.open(`${place.directory}/one-at-a-time-${round}`, 'wx')
    put.rates.push({
      plugin: await rateOf(OBJECT_BYTES, async () => {
        await storage.put('object', sourceOf(content), { ifAbsent: false, signal })
      }),
      oneAtATime: await rateOf(SAMPLE_BYTES, async () => {
        for (let from = 0; from < SAMPLE_BYTES; from += REQUEST_BYTES) {
          await session.write(handle, content, { from, to: from + REQUEST_BYTES }, from)
        }
      }),
    })
    await session.closeHandle(handle)
    const reading = await session.open(`${place.directory}/object`, 'r')
    get.rates.push({
      plugin: await rateOf(OBJECT_BYTES, async () => {
        let received = 0
        for await (const chunk of await storage.get('object', { signal })) received += chunk.length
        if (received !== OBJECT_BYTES) throw new Error(`got ${received} bytes`)
      }),
      oneAtATime: await rateOf(SAMPLE_BYTES, async () => {
        for (let from = 0; from < SAMPLE_BYTES; from += REQUEST_BYTES) {
          await session.read(reading, into, { from: 0, to: REQUEST_BYTES }, from)
        }
      }),
    })
    await session.closeHandle(reading)
    console.log(`round ${round + 1} with delay`, put.rates.at(-1), get.rates.at(-1))
  }
  await session.close()
  return [put, get]
}
