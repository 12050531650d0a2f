import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../../packages/core/src/errors/error-codes.ts'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { freePort } from '../support/free-port.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { runProgram, type ProgramResult } from '../support/run-program.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'
import { blocksOf, readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const document = readDocument('docs/runbooks/recovery.md')
const scripts = blocksOf(document, 'sh')
const settings = [...document.matchAll(/^(?:restore|archive)_command = '(.+)'$/gm)].map((match) => match[1] ?? '')
const TOKEN = '0123456789abcdef'

describe('docs/runbooks/recovery.md', () => {
  let cluster: PostgresCluster
  let walr: RunningProgram
  let url: string
  let last = ''
  const scratch = makeScratch('runbook')
  const configFile = join(scratch.path, 'walr.config.yaml')

  /** With the places of this test instead of those that the document has as examples. */
  const here = (text: string): string =>
    text
      .replaceAll('/etc/walr/walr.config.yaml', configFile)
      .replaceAll('/var/lib/walr/main', join(scratch.path, 'received'))
      .replaceAll('https://walr.example.com:7070', url)
      .replaceAll('/etc/walr/token', join(scratch.path, 'token'))
      .replaceAll('000000010000000000000001', last)
  const run = (script: string): Promise<ProgramResult> => {
    const env = cleanEnvironment({ WALR_NODE: process.execPath, PATH: `${scratch.path}:${process.env['PATH'] ?? ''}` })
    return runProgram('sh', ['-ec', here(script)], { cwd: scratch.path, env })
  }

  beforeAll(async () => {
    cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    symlinkSync(join(repository, 'packages/core/bin/walr'), join(scratch.path, 'walr'))
    writeFileSync(join(scratch.path, 'token'), TOKEN)
    for (const folder of ['received', 'archive']) mkdirSync(join(scratch.path, folder))
    const [http = ''] = blocksOf(document, 'yaml')
    const loopback = http.replace('0.0.0.0:7070', `127.0.0.1:${port}`).replace(/, certFile: .+ \}/, ' }')
    const lines = [
      `connection: "${cluster.conninfo()}"`,
      'receive: { directory: received, slot: walr, createSlot: true }',
      'archive: { storage: { use: local, path: archive } }',
      here(loopback),
    ]
    writeFileSync(configFile, `${lines.join('\n')}\n`)
    walr = startWalr(['receive', '--config', configFile, '--verbose'])
    await walr.waitForLine(/starting log streaming/)
    last = await finishSegments(cluster, 3)
    await cluster.exec('create table of_the_open_segment ()')
    const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
    await waitFor('the open segment has WAL', () => {
      const path = join(scratch.path, 'received', `${open}.partial`)
      return (
        existsSync(path) &&
        readFileSync(path)
          .subarray(0, 40)
          .some((byte) => byte !== 0)
      )
    })
    await waitFor('all is archived', async () => {
      const { stdout } = await runProgram('sh', ['-c', `ls ${join(scratch.path, 'archive/main')}/*/wal/*`])
      return stdout.includes(last)
    })
  })
  afterAll(async () => {
    await walr[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  it('shows settings for PostgreSQL that work', async () => {
    expect(settings).toHaveLength(4)
    const walFile = join(cluster.dataDirectory, 'pg_wal', last)
    for (const [index, setting] of settings.entries()) {
      const target = join(scratch.path, `restored-${index}`)
      // The second one is for a directory that nothing is archived from: what it has is found.
      const name = setting.includes(' -D ') ? await cluster.text('select pg_walfile_name(pg_current_wal_lsn())') : last
      const isArchiving = setting.includes('archive-command')
      const path = isArchiving ? `pg_wal/${last}` : target
      const cwd = isArchiving ? `cd "${cluster.dataDirectory}" && ` : ''
      const { exitCode, stderr } = await run(cwd + setting.replace('%f', name).replace('%p', path))
      expect(exitCode, `${setting}\n${stderr}`).toBe(0)
      if (name === last && !isArchiving) expect(readFileSync(target).equals(readFileSync(walFile))).toBe(true)
    }
  })

  it('shows commands that work', async () => {
    expect(scripts).toHaveLength(3)
    for (const script of scripts) {
      const { exitCode, stdout, stderr } = await run(script)
      expect(exitCode, `${script}${stdout}${stderr}`).toBe(0)
    }
    expect(readFileSync(join(scratch.path, 'segment')).length).toBe(1_048_576)
  })

  it('tells what walr serves answers', async () => {
    const get = async (path: string, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }) =>
      (await fetch(url + path, { headers })).status
    const answers: Readonly<Record<string, number>> = {
      '200': await get(`/v1/wal/${last}`),
      '404': await get('/v1/wal/0000000100000000000000FF'),
      '400': await get('/v1/wal/pg_control'),
      '401': await get(`/v1/wal/${last}`, {}),
      '409': await get(`/v1/wal/${last}?system=1`),
    }
    for (const [status, answered] of Object.entries(answers)) {
      expect(answered).toBe(Number(status))
      expect(document).toMatch(new RegExp(`^\\| .*\\b${status}\\b.* \\|`, 'm'))
    }
  })

  it('names codes that there are', () => {
    const [, table = ''] = document.split('## When it stops')
    const codes = [...table.matchAll(/WALR_[A-Z_]+/g)].map(([code]) => code)
    expect(codes.length).toBeGreaterThan(5)
    for (const code of codes) expect(Object.keys(ERROR_CODES)).toContain(code)
  })
})
