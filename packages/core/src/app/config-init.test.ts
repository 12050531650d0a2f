import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, type LoadedConfig } from '../config/load-config.ts'
import { toConfigTree } from '../config/config-tree.ts'
import { expandTree } from '../config/expand-tree.ts'
import { readConfigFile } from '../config/read-config-file.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { initConfig, type Ask, type ConfigInitOptions, type WrittenConfig } from './config-init.ts'
import { configTemplate } from './config-template.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-init-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function init(given: ConfigInitOptions['given'], more: Partial<ConfigInitOptions> = {}): Promise<WrittenConfig> {
  return initConfig({ given, ask: undefined, output: undefined, workingDirectory: root, disk: nodeDisk, ...more })
}

function written(): Promise<LoadedConfig> {
  return loadConfig({ environment: {}, workingDirectory: root, search: true })
}

/** Types the lines one after the other, and remembers the questions. */
function typing(...lines: string[]): { ask: Ask; questions: string[] } {
  const questions: string[] = []
  const ask: Ask = (question) => {
    questions.push(question)
    const line = lines.shift()
    return line === undefined ? Promise.reject(new Error('no more lines')) : Promise.resolve(line)
  }
  return { ask, questions }
}

describe('a new configuration', () => {
  it('is what the flags say', async () => {
    const connection = "host=db user='w $$ ${X}'"
    const { file, nextSteps } = await init({
      ...{ cluster: 'pg15', connection, directory: 'wal', slot: 's', storage: 's3', bucket: 'b', region: 'r' },
      ...{ endpoint: 'http://127.0.0.1:1', encrypt: 'yes' },
    })
    expect(file).toBe(join(root, 'walr.config.yaml'))
    const { config } = await written()
    expect(config).toMatchObject({
      cluster: 'pg15',
      connection,
      receive: { directory: join(root, 'wal'), slot: 's', createSlot: true },
      plugins: ['@walr/plugin-s3', '@walr/plugin-crypto'],
      archive: {
        storage: { use: '@walr/plugin-s3', bucket: 'b', region: 'r', endpoint: 'http://127.0.0.1:1' },
        codecs: [{ use: 'zstd' }, { use: '@walr/plugin-crypto', keyFile: 'walr.key' }],
      },
    })
    expect(nextSteps.join('\n')).toContain('walr plugins install @walr/plugin-s3 @walr/plugin-crypto')
    expect(nextSteps.join('\n')).toContain('walr keys generate')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(root)).toEqual(['walr.config.yaml'])
  })

  it('has the usual values for what is not said', async () => {
    await init({ storage: 'local', path: '/archive' })
    const { config } = await written()
    expect(config).toEqual({
      cluster: 'main',
      receive: {
        ...{ directory: '/var/lib/walr/main', slot: 'walr', createSlot: true },
        ...{ statusInterval: { ms: 10_000 }, flush: 'batch' },
      },
      plugins: [],
      archive: {
        ...{ storage: { use: 'local', path: '/archive' }, codecs: [{ use: 'zstd' }], readCodecs: [] },
        ...{ concurrency: 2, keepLocal: { ms: 0 }, drainTimeout: { ms: 30_000 } },
      },
    })
  })

  it('is made of the answers, asked again until they go', async () => {
    const { ask, questions } = typing('a/b', 'other', '', '', 'Slot', 'slot', 'ftp', 's3', '', 'b', '', '', 'yes')
    await init({}, { ask })
    const { config } = await written()
    expect(config).toMatchObject({
      cluster: 'other',
      receive: { directory: '/var/lib/walr/other', slot: 'slot' },
      archive: { storage: { use: '@walr/plugin-s3', bucket: 'b', region: 'us-east-1' } },
    })
    expect(config.archive?.codecs).toHaveLength(2)
    expect(questions.filter((question) => question.startsWith('This does not go'))).toHaveLength(4)
    expect(questions.join('\n')).not.toContain('Directory of the archive')
  })

  it('is not asked about what flags say', async () => {
    const { ask, questions } = typing('/archive')
    await init({ cluster: 'c', connection: '', directory: '/wal', slot: 's', storage: 'local', encrypt: 'no' }, { ask })
    expect(questions).toEqual(['Directory of the archive: '])
  })

  it.each<[ConfigInitOptions['given'], string]>([
    [{}, 'these are missing: --storage'],
    [{ storage: 'local' }, 'these are missing: --path'],
    [{ storage: 's3' }, 'these are missing: --bucket'],
    [{ storage: 'ftp' }, '--storage: it must be local or s3'],
    [{ storage: 'local', path: '/a', bucket: 'b' }, '--bucket goes with "--storage s3" only'],
    [{ storage: 's3', bucket: 'b', path: '/a' }, '--path goes with "--storage local" only'],
    [{ storage: 'local', path: '' }, '--path: it must not be empty'],
    [{ storage: 'local', path: '/a', cluster: 'a/b' }, '--cluster: must be letters'],
    [{ storage: 'local', path: '/a', slot: 'A' }, '--slot: must be the name of a replication slot'],
    [{ storage: 'local', path: '/a', connection: 'hots=x' }, '--connection: invalid connection option "hots"'],
  ])('is not made of %j', async (given, text) => {
    await expect(init(given)).rejects.toThrow(text)
    expect(readdirSync(root)).toEqual([])
  })

  it.each(['walr.config.yaml', 'walr.config.ts', '.walrrc'])('does not take the place of %s', async (name) => {
    writeFileSync(join(root, name), 'cluster: old')
    await expect(init({ storage: 'local', path: '/a' })).rejects.toThrow(join(root, name))
    expect(readdirSync(root)).toEqual([name])
    expect(readFileSync(join(root, name), 'utf8')).toBe('cluster: old')
  })

  it('does not take the place of a file that appears meanwhile', async () => {
    writeFileSync(join(root, 'new.yaml'), 'cluster: old')
    const disk = { ...nodeDisk, size: () => Promise.resolve(undefined) }
    const writing = init({ storage: 'local', path: '/a' }, { output: 'new.yaml', disk })
    await expect(writing).rejects.toMatchObject({ code: 'WALR_CONFIG' })
    expect(readFileSync(join(root, 'new.yaml'), 'utf8')).toBe('cluster: old')
  })

  it('goes where --output says, and replaces nothing there either', async () => {
    await init({ storage: 'local', path: '/a' }, { output: 'other.yaml' })
    expect(readdirSync(root)).toEqual(['other.yaml'])
    await expect(init({ storage: 'local', path: '/b' }, { output: 'other.yaml' })).rejects.toMatchObject({
      code: 'WALR_CONFIG',
    })
    await expect(init({ storage: 'local', path: '/b' }, { output: 'none/x.yaml' })).rejects.toMatchObject({
      code: 'WALR_WRITE_FAILED',
    })
  })

  it('says what was answered, whatever characters that has', async () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => !value.includes('\0'))
    const file = join(root, 'property.yaml')
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.constantFrom('yes', 'no', '~', '#x', 'a: b', '${A}', '$$', "it's", '1'),
        async (path, more) => {
          const answers = { cluster: 'main', directory: more, slot: 'walr', connection: '', storage: 'local' } as const
          writeFileSync(file, configTemplate({ ...answers, path, bucket: '', region: '', endpoint: '', encrypt: 'no' }))
          const { tree } = toConfigTree((await readConfigFile(file)).value)
          await expandTree(tree, { environment: {}, readSecret: () => Promise.reject(new Error('no file')) })
          expect(tree).toMatchObject({ receive: { directory: more }, archive: { storage: { path } } })
        },
      ),
      { numRuns: 200 },
    )
  })

  it('is right with any one of its comments made a setting', async () => {
    const { file } = await init({ storage: 'local', path: '/a' })
    const lines = readFileSync(file, 'utf8').split('\n')
    const settings = [...lines.keys()].filter((index) => /^ *# \w+:( |$)/.test(lines[index] ?? ''))
    expect(settings.length).toBeGreaterThan(8)
    for (const index of settings) {
      const changed = lines.map((line, at) => (at === index ? line.replace('# ', '') : line)).join('\n')
      writeFileSync(file, changed.replace('${file:/run/secrets/walr}', 'x'))
      await expect(written(), lines[index]).resolves.toBeDefined()
    }
  })
})
