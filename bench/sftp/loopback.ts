import { randomFillSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Storage } from '@walr/core/plugin'
import { mustRun } from '../../test/support/run-program.ts'
import { makeScratch } from '../../test/support/scratch.ts'
import { SmallFilesystem } from '../../test/support/small-filesystem.ts'
import { rateOf, sourceOf, startSftpPlace, type SftpPlace } from './sftp-place.ts'

/** Rates of one work, round by round. */
export interface LoopbackFigures {
  readonly what: string
  readonly rates: readonly { readonly plugin: number; readonly client: number; readonly sameCipher: number }[]
}

const MEBIBYTE = 1024 ** 2
const WORKS = [
  { what: '16 MiB', bytes: 16 * MEBIBYTE, count: 8 },
  { what: '256 MiB', bytes: 256 * MEBIBYTE, count: 1 },
] as const
const SAME_CIPHER = ['-c', 'aes128-gcm@openssh.com']

/** The same files by the plugin and by the `sftp` client, in turn. */
export async function benchLoopback(rounds: number): Promise<readonly LoopbackFigures[]> {
  await using place = await startSftpPlace()
  await using local = new SmallFilesystem(1024)
  await using scratch = makeScratch('bench')
  const client = await sftpClient(place, scratch.path)
  await using storage = await place.open()
  await storage.put('warm', sourceOf(Buffer.from('warm')), { ifAbsent: false, signal })
  const figures: LoopbackFigures[] = []
  for (const { what, bytes, count } of WORKS) {
    const content = randomFillSync(Buffer.allocUnsafe(bytes))
    const file = join(local.path, 'file')
    writeFileSync(file, content)
    const puts = Array.from({ length: count }, (_, n) => `put -f ${file} ${place.directory}/client-${n}`)
    const gets = Array.from({ length: count }, (_, n) => `get ${place.directory}/client-${n} ${local.path}/got`)
    const total = bytes * count
    const put = { what: `put of ${what}`, rates: [] as LoopbackFigures['rates'][number][] }
    const get = { what: `get of ${what}`, rates: [] as LoopbackFigures['rates'][number][] }
    for (let round = 0; round < rounds; round += 1) {
      put.rates.push({
        plugin: await rateOf(total, () => putAll(storage, content, count)),
        client: await client(total, puts),
        sameCipher: await client(total, puts, SAME_CIPHER),
      })
      get.rates.push({
        plugin: await rateOf(total, () => getAll(storage, bytes, count)),
        client: await client(total, gets),
        sameCipher: await client(total, gets, SAME_CIPHER),
      })
      console.log(`round ${round + 1} of ${what}`, put.rates.at(-1), get.rates.at(-1))
    }
    figures.push(put, get)
    rmSync(file)
  }
  return figures
}

const { signal } = new AbortController()

async function putAll(storage: Storage, content: Buffer, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await storage.put(`plugin-${n}`, sourceOf(content), { ifAbsent: false, signal })
}

async function getAll(storage: Storage, bytes: number, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    let received = 0
    for await (const chunk of await storage.get(`plugin-${n}`, { signal })) received += chunk.length
    if (received !== bytes) throw new Error(`got ${received} bytes of ${bytes}`)
  }
}

type Client = (bytes: number, commands: readonly string[], args?: readonly string[]) => Promise<number>

/** Runs the `sftp` client with a file of commands; the time that it takes to connect does not count. */
async function sftpClient({ server }: SftpPlace, folder: string): Promise<Client> {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'ssh_config')
  const options = ['StrictHostKeyChecking no', 'UserKnownHostsFile /dev/null', 'LogLevel ERROR', 'BatchMode yes']
  writeFileSync(config, options.join('\n'))
  const run = async (commands: readonly string[], args: readonly string[]): Promise<number> => {
    const startedAtMs = performance.now()
    const place = ['-F', config, '-P', String(server.port), '-i', server.userKey.path, '-q', '-b', '-']
    await mustRun('sftp', [...args, ...place, `${server.username}@127.0.0.1`], { input: `${commands.join('\n')}\n` })
    return performance.now() - startedAtMs
  }
  await run(['pwd'], [])
  return async (bytes, commands, args = []) => {
    const connectMs = Math.min(await run(['pwd'], args), await run(['pwd'], args))
    return bytes / (((await run(commands, args)) - connectMs) / 1000) / 1e6
  }
}
