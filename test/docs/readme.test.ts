import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { RunningProgram } from '../support/running-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'

const repository = join(import.meta.dirname, '../..')
const readme = readFileSync(join(repository, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
const setUp = blocks.filter((block) => block.startsWith('npm '))
const walrBlocks = blocks.filter((block) => !block.startsWith('npm '))

describe('README', () => {
  let cluster: PostgresCluster
  const scratch = makeScratch('readme')

  beforeAll(async () => {
    cluster = await startCluster({ version: 17 })
    symlinkSync(join(repository, 'packages/core/bin/walr'), join(scratch.path, 'walr'))
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  /** Runs a block as a user would type it, with `walr` on the PATH; the last command takes the shell's place. */
  function run(block: string): RunningProgram {
    const lines = block.trimEnd().split('\n')
    const script = [...lines.slice(0, -1), `exec ${lines.at(-1) ?? ''}`].join('\n')
    const env = cleanEnvironment({
      ...cluster.clientEnvironment,
      WALR_NODE: process.execPath,
      PATH: `${scratch.path}:${process.env['PATH'] ?? ''}`,
    })
    return new RunningProgram('sh', ['-ec', script], { cwd: scratch.path, env })
  }

  it('sets up with npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(setUp).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n'])
    expect(scripts).toMatchObject({ demo: expect.any(String) as string, test: expect.any(String) as string })
  })

  it('shows commands that work, in the order in which they are shown', async () => {
    expect(walrBlocks).toHaveLength(3)
    for (const block of walrBlocks) {
      await using program = run(block)
      if (block.includes('--verbose')) {
        await program.waitForLine(/starting log streaming/)
        await waitFor('the standby is there', async () => {
          const rows = await cluster.exec(`select state from pg_stat_replication where application_name = 'walr'`)
          return rows[0]?.['state'] === 'streaming' ? true : undefined
        })
        expect(await program.stop('SIGINT'), program.stderr.join('\n')).toBe(0)
      } else {
        expect(await program.ended(), program.stderr.join('\n')).toBe(0)
      }
    }
  })

  it('shows options that walr has', async () => {
    await using help = run('walr receive --help')
    await help.ended()
    const text = help.stdout.join('\n')
    for (const [option] of readme.matchAll(/--[a-z][a-z-]+/g)) expect(text).toContain(option)
  })
})
