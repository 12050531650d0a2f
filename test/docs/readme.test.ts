import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { RunningProgram } from '../support/running-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { asScript, blocksOf, readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const readme = readDocument('README.md')
const blocks = blocksOf(readme, 'sh')
const setUp = blocks.filter((block) => block.startsWith('npm '))
const walrBlocks = blocks.filter((block) => !block.startsWith('npm '))
const usesConfig = (block: string): boolean => block.includes('--config') || block.startsWith('walr status')

describe('README', () => {
  let cluster: PostgresCluster
  let s3: Radosgw
  const scratch = makeScratch('readme')

  beforeAll(async () => {
    cluster = await startCluster({ version: 17 })
    s3 = await startRadosgw()
    symlinkSync(join(repository, 'packages/core/bin/walr'), join(scratch.path, 'walr'))
    symlinkSync(join(repository, 'node_modules'), join(scratch.path, 'node_modules'))
  })
  afterAll(async () => {
    await s3.stop()
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  /** Runs a block as a user would type it, with `walr` on the PATH; the last command takes the shell's place. */
  function run(block: string, more: Readonly<Record<string, string>> = {}): RunningProgram {
    const env = cleanEnvironment({
      ...cluster.clientEnvironment,
      ...more,
      WALR_NODE: process.execPath,
      PATH: `${scratch.path}:${process.env['PATH'] ?? ''}`,
    })
    return new RunningProgram('sh', ['-ec', asScript(block)], { cwd: scratch.path, env })
  }

  async function untilStreaming(program: RunningProgram): Promise<void> {
    await program.waitForLine(/starting log streaming/)
    await waitFor('the standby is there', async () => {
      const rows = await cluster.exec(`select state from pg_stat_replication where application_name = 'walr'`)
      return rows[0]?.['state'] === 'streaming' ? true : undefined
    })
  }

  async function archivedKeys(): Promise<readonly string[]> {
    const client = s3.client()
    try {
      const { Contents: found = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'backups', Prefix: 'pg/' }))
      return found.map(({ Key: key = '' }) => key)
    } finally {
      client.destroy()
    }
  }

  it('sets up with npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(setUp).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n'])
    expect(scripts).toMatchObject({ demo: expect.any(String) as string, test: expect.any(String) as string })
  })

  it('shows commands that work, in the order in which they are shown', async () => {
    const commands = walrBlocks.filter((block) => !usesConfig(block))
    expect(commands).toHaveLength(3)
    for (const block of commands) {
      await using program = run(block)
      if (block.includes('--verbose')) {
        await untilStreaming(program)
        expect(await program.stop('SIGINT'), program.stderr.join('\n')).toBe(0)
      } else {
        expect(await program.ended(), program.stderr.join('\n')).toBe(0)
      }
    }
  })

  it('archives to S3 with the configuration and the commands that it shows', async () => {
    const [configuration = '', ...others] = blocksOf(readme, 'yaml')
    const [receive = '', status = '', review = '', ...more] = walrBlocks.filter(usesConfig)
    expect([others, more]).toEqual([[], []])
    writeFileSync(join(scratch.path, 'walr.config.yaml'), configuration)
    await s3.createBucket({ name: 'backups' })
    const place = {
      WALR_CONNECTION_HOST: cluster.host,
      WALR_CONNECTION_PORT: String(cluster.port),
      WALR_CONNECTION_USER: cluster.superuser,
      WALR_ARCHIVE_STORAGE_ENDPOINT: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }
    await using program = run(receive, place)
    await untilStreaming(program)
    const last = await finishSegments(cluster, 2)
    await waitFor(`${last} is in the bucket`, async () => (await archivedKeys()).some((key) => key.includes(last)))
    const keys = await archivedKeys()
    expect(keys).toContainEqual(expect.stringMatching(/^pg\/main\/\d+\/identity\.json$/))
    expect(keys).toContainEqual(expect.stringMatching(new RegExp(`^pg/main/\\d+/wal/00000001/${last}\\.zst\\.aes$`)))
    await waitFor('the status says so', async () => {
      await using asked = run(status, place)
      return (
        (await asked.ended()) === 0 && asked.stdout.some((line) => /^last archived +/.test(line) && line.includes(last))
      )
    })
    await using reviewed = run(review, place)
    expect(await reviewed.ended(), reviewed.stderr.join('\n')).toBe(0)
    expect(reviewed.stdout.join('\n')).toContain(last)
    expect(await program.stop('SIGINT'), program.stderr.join('\n')).toBe(0)
  })

  it('shows options that walr has', async () => {
    let text = ''
    for (const command of ['receive', 'keys generate']) {
      await using help = run(`walr ${command} --help`)
      await help.ended()
      text += help.stdout.join('\n')
    }
    for (const [option] of readme.matchAll(/--[a-z][a-z-]+/g)) expect(text).toContain(option)
  })
})
