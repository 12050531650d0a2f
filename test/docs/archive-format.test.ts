import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { findClientProgram } from '../support/postgres-binaries.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { mustRun } from '../support/run-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import { blocksOf, readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const document = readDocument('docs/archive-format.md')

describe('docs/archive-format.md', () => {
  let cluster: PostgresCluster
  const scratch = makeScratch('format')

  beforeAll(async () => {
    // The version of pg_waldump, which reads no other one's records.
    cluster = await startCluster({ version: 'debian' })
    symlinkSync(join(repository, 'node_modules'), join(scratch.path, 'node_modules'))
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  /** Archives three segments with these codecs. Resolves to the storage's directory. */
  async function archive(name: string, codecs: string): Promise<string> {
    const folder = join(scratch.path, name)
    mkdirSync(join(folder, 'receive'), { recursive: true })
    mkdirSync(join(folder, 'archive'))
    await createSlot(cluster, name)
    await runWalr(['keys', 'generate', '--output', join(folder, 'walr.keys')])
    const configFile = join(folder, 'walr.config.yaml')
    const lines = [
      `connection: "${cluster.conninfo()}"`,
      `receive: { directory: receive, slot: ${name} }`,
      'plugins: ["@walr/plugin-crypto"]',
      'archive:',
      '  storage: { use: local, path: archive }',
      `  codecs: ${codecs}`,
    ]
    writeFileSync(configFile, `${lines.join('\n')}\n`)
    await using walr = startWalr(['receive', '--config', configFile, '--verbose'])
    await walr.waitForLine(/starting log streaming/)
    const last = await finishSegments(cluster, 3)
    const path = join(folder, 'archive')
    await waitFor(`${last} is archived`, () =>
      readdirSync(path, { recursive: true, encoding: 'utf8' }).some((file) => file.includes(last)),
    )
    expect(await walr.stop()).toBe(0)
    return path
  }

  async function run(script: string, directory: string): Promise<readonly string[]> {
    const tools = dirname(findClientProgram('pg_waldump') ?? '')
    const env = cleanEnvironment({ PATH: `${process.env['PATH'] ?? ''}:${tools}`, TMPDIR: scratch.path })
    return (await mustRun('sh', ['-eu', '-c', script], { cwd: directory, env })).trimEnd().split('\n')
  }

  it('shows how to read a segment with ordinary tools', async () => {
    const [decode = '', look = ''] = blocksOf(document, 'sh')
    const path = await archive('plain', '[zstd]')
    const [systemIdentifier = ''] = readdirSync(join(path, 'main'))
    const lines = await run(`${decode}echo; echo ---\n${look}`, path)
    const end = lines.indexOf('---')
    const identity: unknown = JSON.parse(lines.slice(0, end).join('\n'))
    expect(identity).toMatchObject({ format: 1, cluster: 'main', systemIdentifier, walSegmentSize: 1_048_576 })
    const [size, owner, ...records] = lines.slice(end + 1).map((line) => line.trim())
    expect([size, owner]).toEqual(['1048576', systemIdentifier])
    expect(records.join('\n')).toMatch(/^rmgr: \w+/m)
  })

  it('shows what an encrypted object is bound to', async () => {
    const path = await archive('encrypted', '[zstd, { use: "@walr/plugin-crypto", keyFile: walr.keys }]')
    const [bound, named] = await run(blocksOf(document, 'sh')[2] ?? '', path)
    expect(bound).toMatch(/^[0-9a-f]{64}$/)
    expect(bound).toBe(named)
  })

  it('shows the fields that walr writes', () => {
    const [identity = '', gap = ''] = blocksOf(document, 'json')
    const written = (file: string): string => readFileSync(join(repository, 'packages/core/src', file), 'utf8')
    for (const [block, file] of [
      [identity, 'archive/archive-identity.ts'],
      [gap, 'wal/gap-record.ts'],
    ] as const) {
      const fields = Object.keys(JSON.parse(block) as object)
      const [, record = ''] = /const record = \{([^}]*)\}/.exec(written(file)) ?? []
      const inSource = [...record.matchAll(/(?:^|[,{\n])\s*(\w+)/g)].map((match) => match[1])
      expect(inSource, file).toEqual(fields)
    }
  })
})
