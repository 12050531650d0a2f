import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CodecErrorCode, StorageErrorCode } from '../../packages/core/src/plugins/contract/index.ts'
import { caseCatalogue } from '../../packages/plugin-testkit/src/index.ts'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runProgram } from '../support/run-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { startVerdaccio, type Verdaccio } from '../support/verdaccio.ts'
import { readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const document = readDocument('docs/plugin-authors.md')

/** What the document shows, in its order: commands to run, and files to write. */
type Step =
  | { readonly kind: 'run'; readonly text: string }
  | { readonly kind: 'write'; readonly path: string; readonly text: string }

function stepsOf(text: string): readonly Step[] {
  return [...text.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)].flatMap(
    ([, language, path, content = '']): readonly Step[] => {
      if (path !== undefined) return [{ kind: 'write', path, text: content }]
      return language === 'sh' ? [{ kind: 'run', text: content }] : []
    },
  )
}

/** The rows of the tables below a heading, by the code in their first column. */
function codesBelow(heading: string): readonly string[] {
  const section = new RegExp(`^## ${heading}\\n([\\s\\S]*?)^## `, 'm').exec(document)?.[1] ?? ''
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, code = '']) => code)
}

describe('docs/plugin-authors.md', () => {
  const scratch = makeScratch('authors')
  const tools = join(scratch.path, 'bin')
  let registry: Verdaccio
  let cwd = scratch.path

  beforeAll(async () => {
    registry = await startVerdaccio()
    await registry.publishWorkspace(['@walr/core', '@walr/plugin-testkit'])
    mkdirSync(tools)
    symlinkSync(process.execPath, join(tools, 'node'))
    symlinkSync(join(repository, 'node_modules/npm/bin/npm-cli.js'), join(tools, 'npm'))
    symlinkSync(join(repository, 'packages/core/bin/walr'), join(tools, 'walr'))
  })
  afterAll(async () => {
    await registry.stop()
    scratch.remove()
  })

  /** Runs commands as a reader would: in the folder where the ones before ended, and until one fails. */
  async function run(commands: string): Promise<string> {
    const place = join(scratch.path, 'place')
    const env = cleanEnvironment({
      ...registry.environment,
      PATH: [tools, '/usr/bin', '/bin'].join(delimiter),
      WALR_NODE: process.execPath,
      WALR_DATA_DIR: join(scratch.path, 'data'),
    })
    const result = await runProgram('sh', ['-ec', `${commands}\npwd > "${place}"`], { cwd, env, deadlineMs: 240_000 })
    const output = `${commands}\n${result.stdout}\n${result.stderr}`
    expect(result.exitCode, output).toBe(0)
    cwd = readFileSync(place, 'utf8').trim()
    return result.stdout
  }

  it('leads from nothing to a plugin that is published, installed and used', { timeout: 600_000 }, async () => {
    const steps = stepsOf(document)
    const configFile = join(scratch.path, 'trial/walr.config.yaml')
    let shown = ''
    for (const step of steps) {
      if (step.kind === 'run') shown = await run(step.text)
      else writeFileSync(join(cwd, step.path), step.text)
    }
    expect(steps.length).toBeGreaterThan(5)
    expect(shown).toMatch(/installed walr-plugin-brotli 0\.1\.0/)
    expect(shown).toMatch(
      /^walr-plugin-brotli +0\.1\.0 +codec +1 .*\/data \(walr-plugin-brotli\) +archive\.codecs\[0\]/m,
    )
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('quality: 5', 'quality: 99'))
    await expect(run('walr config validate')).rejects.toThrow(/archive\.codecs\[0\]\.quality/)
  })

  it('has a row for every code that a storage or a codec may throw, and for no other', () => {
    const storage = {
      NotFound: true,
      AlreadyExists: true,
      AccessDenied: true,
      Transient: true,
      Permanent: true,
      Unsupported: true,
    } satisfies Record<StorageErrorCode, true>
    const codec = { Corrupt: true, WrongKey: true } satisfies Record<CodecErrorCode, true>
    expect(codesBelow('Errors')).toEqual([...Object.keys(storage), ...Object.keys(codec)])
  })

  it('names cases that the testkit has', () => {
    const known = caseCatalogue().map(({ id }) => id)
    const named = [...document.matchAll(/\b(?:STOR|CODEC|RET|PKG)-[A-Z0-9-]*\d/g)].map(([id]) => id)
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((id) => !known.includes(id))).toEqual([])
  })

  it('names everything that @walr/core/plugin exports', () => {
    const contract = readFileSync(join(repository, 'packages/core/src/plugins/contract/index.ts'), 'utf8')
    const names = [...contract.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
      list.split(',').map((name) => name.replace(/^\s*(?:type )?/, '').trim()),
    )
    expect(names).toContain('definePlugin')
    const missing = names.filter((name) => name !== '' && !document.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })

  it('quotes messages that walr has', () => {
    const loader = join(repository, 'packages/core/src/plugins/loader')
    const sources = readdirSync(loader).filter((file) => /(?<!\.test)\.ts$/.test(file))
    const code = sources.map((file) => readFileSync(join(loader, file), 'utf8')).join('\n')
    const section = document.slice(document.indexOf('## Finding out what is wrong'))
    const quoted = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text)
    expect(quoted.length).toBeGreaterThan(3)
    for (const text of quoted) expect(code).toContain(text.replace(/ \d; this walr speaks \d$/, ' ${'))
  })
})
