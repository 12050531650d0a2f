import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import { createPlugin, type CreatedPlugin, type CreatePluginRequest } from './create-plugin.ts'
import { writeNewFolder } from '../../plugins/creator/new-folder.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-create-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function create(name: string, more: Partial<CreatePluginRequest> = {}): Promise<CreatedPlugin> {
  const now = (): Date => new Date('2026-03-04T05:06:07Z')
  return createPlugin({ name, kind: 'storage', license: 'mit', workingDirectory: root, version: '0.3.1', now, ...more })
}
const files = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, folder).length + 1))
    .sort()
const text = (path: string): string => readFileSync(join(root, path), 'utf8')
const refusal = (code: 'WALR_USAGE' | 'WALR_WRITE_FAILED', words: string): Error =>
  expect.toSatisfy((error: unknown) => isWalrError(error, code) && error.message.includes(words), words) as Error

describe('a new plugin', () => {
  it('is a folder of the unscoped name, with everything that a package has', async () => {
    const created = await create('@acme/walr-plugin-x')
    expect(created).toMatchObject({
      name: '@acme/walr-plugin-x',
      kind: 'storage',
      directory: join(root, 'walr-plugin-x'),
    })
    expect(created.nextSteps).toEqual([
      '(cd walr-plugin-x && npm install && npm test)',
      'walr plugins install ./walr-plugin-x',
    ])
    expect(files('walr-plugin-x')).toEqual(created.files)
    expect(readdirSync(root)).toEqual(['walr-plugin-x'])
    const usual = ['.github/workflows/ci.yml', '.gitignore', 'LICENSE', 'README.md', 'package.json', 'src/index.ts']
    expect(created.files).toEqual(expect.arrayContaining([...usual, 'test/conformance.test.ts', 'tsconfig.json']))
    expect(JSON.parse(text('walr-plugin-x/package.json'))).toMatchObject({
      name: '@acme/walr-plugin-x',
      license: 'MIT',
      walr: { apiVersion: 1, provides: ['storage'] },
      peerDependencies: { '@walr/core': '>=0.3.1 <2' },
      devDependencies: { '@walr/core': '^0.3.1', '@walr/plugin-testkit': '^0.3.1' },
    })
    expect(text('walr-plugin-x/LICENSE')).toContain('Copyright (c) 2026 the authors of @acme/walr-plugin-x')
  })

  it.each(['storage', 'codec', 'retention'] as const)(
    'of the kind %s has nothing left that is to be filled in',
    async (kind) => {
      await create('walr-x', { kind })
      for (const file of files('walr-x')) expect(text(`walr-x/${file}`)).not.toMatch(/__[A-Z_]+__/)
      expect(text('walr-x/src/index.ts')).toContain("name: 'walr-x'")
      expect(text('walr-x/README.md')).toMatch(/^# walr-x\n/)
    },
  )

  it('has the licence that its author chose', async () => {
    await create('walr-a', { license: 'apache-2.0' })
    expect(text('walr-a/LICENSE')).toContain('Apache License')
    expect(text('walr-a/package.json')).toContain('"license": "Apache-2.0"')
    await create('walr-n', { license: 'none' })
    expect(files('walr-n')).not.toContain('LICENSE')
    expect(text('walr-n/package.json')).toContain('"license": "UNLICENSED"')
  })

  it('takes versions of the core that its own is good for', async () => {
    await create('walr-x', { version: '3.2.0' })
    expect(text('walr-x/package.json')).toContain('"@walr/core": ">=3.2.0 <4"')
  })

  it('goes into the folder that is given, when that is empty, too', async () => {
    mkdirSync(join(root, "it's empty"))
    const { nextSteps } = await create('walr-x', { directory: "it's empty" })
    expect(nextSteps[0]).toContain("cd 'it'\\''s empty' &&")
    expect(files("it's empty")).toContain('package.json')
    expect(readdirSync(root)).toEqual(["it's empty"])
  })
})

describe('nothing is written', () => {
  it.each([
    ['', 'it is empty'],
    ['Walr-x', 'capital letters'],
    ['walr x', 'small letters'],
    ['../walr-x', 'small letters'],
    ['.walr', 'begin with a letter'],
    ['@acme', 'a scope is followed by'],
    ['@acme/a/b', 'a scope is followed by'],
    ['@acme/', 'begin with a letter'],
    ['node_modules', 'Node uses it itself'],
    ['http', 'Node uses it itself'],
    ['zstd', 'built in'],
    ['@walr/core', 'a part of walr'],
    ['@walr/plugin-testkit', 'a part of walr'],
    ['x'.repeat(215), 'npm allows 214'],
  ])('for the name "%s"', async (name, reason) => {
    await expect(create(name, { directory: 'x' })).rejects.toEqual(refusal('WALR_USAGE', reason))
    expect(readdirSync(root)).toEqual([])
  })

  it('into a folder that has something, or that is a file', async () => {
    mkdirSync(join(root, 'walr-x'))
    writeFileSync(join(root, 'walr-x/.hidden'), '')
    writeFileSync(join(root, 'walr-y'), '')
    for (const name of ['walr-x', 'walr-y']) {
      await expect(create(name)).rejects.toEqual(refusal('WALR_USAGE', 'there is something in'))
    }
    expect(readdirSync(root)).toEqual(['walr-x', 'walr-y'])
    expect(readdirSync(join(root, 'walr-x'))).toEqual(['.hidden'])
  })

  it('where there is no folder for it', async () => {
    await expect(create('walr-x', { directory: 'a/b' })).rejects.toEqual(refusal('WALR_WRITE_FAILED', 'No such file'))
    expect(readdirSync(root)).toEqual([])
  })

  it('is left when a file in the middle cannot be written', async () => {
    const written = new Map([
      ['a/b', 'text'],
      ['a', 'where a folder is'],
    ])
    mkdirSync(join(root, 'empty'))
    symlinkSync('empty', join(root, 'link'))
    for (const folder of ['new', 'empty', 'link']) {
      await expect(writeNewFolder(join(root, folder), written)).rejects.toEqual(
        refusal('WALR_WRITE_FAILED', 'could not'),
      )
    }
    expect(readdirSync(root)).toEqual(['empty', 'link'])
    expect(readdirSync(join(root, 'empty'))).toEqual([])
  })
})
