import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { runProgram } from '../support/run-program.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import { blocksOf, readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const document = readDocument('docs/runbooks/archive.md')
const scripts = blocksOf(document, 'sh')
const statements = blocksOf(document, 'sql')

/** The first column of the table whose head begins with `head`. */
function rowsBelow(head: string): readonly string[] {
  const [, table = ''] = document.split(`\n| ${head} |`)
  const [rows = ''] = table.split('\n\n')
  return [...rows.matchAll(/^\| ([a-z ]+) \|/gm)].map((match) => match[1] ?? '')
}

describe('docs/runbooks/archive.md', () => {
  let cluster: PostgresCluster
  let walr: RunningProgram
  const scratch = makeScratch('runbook')
  const receiveDirectory = join(scratch.path, 'receive')
  const archiveDirectory = join(scratch.path, 'archive')

  beforeAll(async () => {
    cluster = await startCluster({ version: 17, settings: { max_slot_wal_keep_size: '1GB', wal_keep_size: '1GB' } })
    // What the document says is enough for slots and stream.
    await cluster.exec('create role walr login replication')
    symlinkSync(join(repository, 'packages/core/bin/walr'), join(scratch.path, 'walr'))
    mkdirSync(receiveDirectory)
    mkdirSync(archiveDirectory)
    const [guardSlot = ''] = blocksOf(document, 'yaml')
    const configFile = join(scratch.path, 'walr.config.yaml')
    const rest = ['  directory: receive', '  createSlot: true', 'archive: { storage: { use: local, path: archive } }']
    writeFileSync(configFile, `connection: "${cluster.conninfo({ user: 'walr' })}"\n${guardSlot}${rest.join('\n')}\n`)
    walr = startWalr(['receive', '--config', configFile, '--verbose'])
    await walr.waitForLine(/starting log streaming/)
    const last = await finishSegments(cluster, 3)
    await waitFor('all is archived, and the status says so', () => {
      const file = join(receiveDirectory, '.walr/status.json')
      return existsSync(file) && readFileSync(file, 'utf8').includes(`"walFileName": "${last}"`)
    })
  })
  afterAll(async () => {
    await walr[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  it('shows commands that work', async () => {
    expect(scripts).toHaveLength(3)
    const env = cleanEnvironment({
      WALR_NODE: process.execPath,
      PATH: `${scratch.path}:${process.env['PATH'] ?? ''}`,
    })
    let output = ''
    for (const script of scripts) {
      const here = script.replaceAll('/var/lib/walr/main', receiveDirectory).replaceAll('/mnt/backup', archiveDirectory)
      const { exitCode, stdout, stderr } = await runProgram('sh', ['-ec', here], { cwd: scratch.path, env })
      expect(exitCode, `${here}${stderr}`).toBe(0)
      output += stdout
    }
    const lines = rowsBelow('line')
    expect(lines).toContain('backlog')
    for (const line of lines) expect(output).toMatch(new RegExp(`^${line}  `, 'm'))
    expect(readFileSync(join(scratch.path, 'walr.keys'), 'utf8')).toMatch(/^walr-key:/)
    const recover = join(scratch.path, 'recover')
    const segments = readdirSync(recover).filter((name) => /^[0-9A-F]{24}$/.test(name))
    expect(segments.length).toBeGreaterThanOrEqual(3)
    for (const name of segments) {
      const target = join(scratch.path, 'restored')
      const { exitCode, stderr } = await runWalr(['restore-command', '-D', recover, name, target])
      expect(exitCode, stderr).toBe(0)
      expect(readFileSync(target).equals(serverSegment(cluster, name)), name).toBe(true)
    }
  })

  it('explains every archive state', () => {
    const source = readFileSync(join(repository, 'packages/core/src/archive/archive-status.ts'), 'utf8')
    const [, states = ''] = /type ArchiveState = (.*)/.exec(source) ?? []
    const names = [...states.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '')
    expect(names).toContain('outage')
    expect(rowsBelow('archive state').toSorted()).toEqual(names.toSorted())
  })

  it('shows SQL that watches the guard slot, and SQL that ends it', async () => {
    const [watch = '', drop = '', ...more] = statements
    expect(more).toEqual([])
    const guard = async (): Promise<unknown> =>
      (await cluster.exec(watch)).find((row) => row['slot_name'] === 'walr_guard')
    expect(await guard()).toMatchObject({
      active: false,
      wal_status: 'reserved',
      kept: expect.any(String) as string,
      room: expect.any(String) as string,
    })
    expect(await walr.stop()).toBe(0)
    await cluster.exec(drop)
    expect(await guard()).toBeUndefined()
  })
})
