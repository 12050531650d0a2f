import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import { isPinned, parsePluginSpec } from './plugin-spec.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walr-spec-'))
  mkdirSync(join(folder, 'my-plugin'))
  writeFileSync(join(folder, 'x-1.0.0.tgz'), '')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('what can be installed', () => {
  it.each([
    ['walr-x', 'registry', 'walr-x'],
    ['walr-x@^1.2', 'registry', 'walr-x'],
    ['walr-x@>=1 <3', 'registry', 'walr-x'],
    ['@acme/walr-x', 'registry', '@acme/walr-x'],
    ['@acme/walr-x@next', 'registry', '@acme/walr-x'],
    ['git+ssh://git@example.com/x.git#v1', 'git', undefined],
    ['git+file:///srv/x.git', 'git', undefined],
    ['git@example.com:x.git', 'git', undefined],
    ['github:acme/walr-x', 'git', undefined],
    ['https://example.com/x.tgz', 'url', undefined],
  ])('%s comes from a %s', async (text, kind, name) => {
    expect(await parsePluginSpec(text, folder)).toEqual({ kind, text, name })
  })

  it('files and folders are remembered with absolute paths', async () => {
    const folderSpec = { kind: 'folder', text: join(folder, 'my-plugin'), name: undefined }
    const fileSpec = { kind: 'tarball', text: join(folder, 'x-1.0.0.tgz'), name: undefined }
    expect(await parsePluginSpec('./my-plugin', folder)).toEqual(folderSpec)
    expect(await parsePluginSpec('../my-plugin/', join(folder, 'my-plugin'))).toEqual(folderSpec)
    expect(await parsePluginSpec('x-1.0.0.tgz', folder)).toEqual(fileSpec)
    expect(await parsePluginSpec(join(folder, 'x-1.0.0.tgz'), '/')).toEqual(fileSpec)
  })

  it.each(['', 'acme/walr-x', 'Walr X', 'x@npm:y', 'walr-x@file:../x', '-rf', '--registry=x', '@acme'])(
    '%j is none of it',
    async (text) => {
      await expect(parsePluginSpec(text, folder)).rejects.toMatchObject({ code: 'WALR_USAGE' })
    },
  )

  it.each(['git+https://user:hunter2@example.com/x.git', 'https://hunter2@example.com/x.tgz'])(
    'a login in a URL is refused, and not shown: %s',
    async (text) => {
      const refused = await parsePluginSpec(text, folder).catch((error: unknown) => String(error))
      expect(refused).toContain('has a login in it')
      expect(refused).not.toContain('hunter2')
    },
  )

  it.each([
    'https://example.com/x.tgz?sig=hunter2',
    'HTTPS://example.com/x.tgz?X-Amz-Signature=hunter2',
    'git+https://example.com/x.git?token=hunter2#v1',
    'walr-x@https://example.com/x.tgz?hunter2',
    'git@example.com:x.git?hunter2',
  ])('a query in a URL is refused, since it may be a key, and not shown: %s', async (text) => {
    const refused = await parsePluginSpec(text, folder).catch((error: unknown) => String(error))
    expect(refused).toContain('has a query in it')
    expect(refused).not.toContain('hunter2')
  })

  it('a path may have a question mark, and a fragment, too', async () => {
    mkdirSync(join(folder, 'what?'))
    expect(await parsePluginSpec('./what?', folder)).toMatchObject({ kind: 'folder' })
    expect(await parsePluginSpec('https://example.com/x.git#v?', folder)).toMatchObject({ kind: 'url' })
  })

  it('what is built in is not looked for where a stranger may have its name', async () => {
    expect(BUILTIN_PLUGINS.length).toBeGreaterThan(0)
    for (const { name } of BUILTIN_PLUGINS) {
      for (const text of [name, `${name}@latest`]) {
        await expect(parsePluginSpec(text, folder)).rejects.toThrow(`"${name}" is built into walr`)
      }
    }
    expect(await parsePluginSpec('@acme/zstd', folder)).toMatchObject({ kind: 'registry' })
  })

  it('a path that leads nowhere is told', async () => {
    await expect(parsePluginSpec('./absent', folder)).rejects.toThrow('there is nothing to install at "./absent"')
    await expect(parsePluginSpec('absent.tgz', folder)).rejects.toThrow('there is nothing to install at "absent.tgz"')
  })
})

it.each([
  ['walr-x', false],
  ['walr-x@1.2.3', true],
  ['@acme/walr-x@1.2.3-rc.1', true],
  ['@acme/walr-x@^1.2.3', false],
  ['walr-x@1.2', false],
])('that %s is one version only is %s', async (text, pinned) => {
  expect(isPinned(await parsePluginSpec(text, folder))).toBe(pinned)
})
