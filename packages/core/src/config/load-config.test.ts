import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { loadConfig } from './load-config.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-config-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function file(name: string, content: string): string {
  const path = join(root, name)
  writeFileSync(path, content)
  return path
}
const wrong = expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_CONFIG')) as Error

describe('a configuration file', () => {
  it.each([
    ['walr.config.yaml', 'receive: { directory: /wal }'],
    ['walr.config.json', '{ "receive": { "directory": "/wal" } }'],
    ['walr.config.mjs', 'export default { receive: { directory: "/wal" } }'],
    ['walr.config.ts', 'const directory: string = "/wal"; export default { receive: { directory } }'],
    ['walr', 'receive: { directory: /wal }'],
  ])('may be %s', async (name, content) => {
    expect(await loadConfig(file(name, content))).toEqual({ receive: { directory: '/wal' } })
  })

  it('may be empty', async () => {
    expect(await loadConfig(file('empty.yaml', ''))).toEqual({})
  })

  it('has relative paths that start where it lies', async () => {
    const path = file('walr.yaml', 'receive: { directory: wal }')
    expect(await loadConfig(path)).toEqual({ receive: { directory: join(root, 'wal') } })
  })

  it.each([
    ['an unknown section', 'recieve: { directory: /wal }', 'unknown key "recieve"'],
    ['an unknown key', 'receive: { direktory: /wal }', 'unknown key "receive.direktory"'],
    ['a number for a path', 'receive: { directory: 5 }', '"receive.directory"'],
    ['an empty path', 'receive: { directory: "" }', '"receive.directory"'],
    ['a list', '- 1', 'walr.yaml'],
    ['text that is not YAML', 'receive: [', 'walr.yaml'],
  ])('with %s is refused with its path and the key', async (_what, content, text) => {
    const path = file('walr.yaml', content)
    await expect(loadConfig(path)).rejects.toThrow(wrong)
    await expect(loadConfig(path)).rejects.toThrow(text)
    await expect(loadConfig(path)).rejects.toThrow(path)
  })

  it('tells all of its faults at once', async () => {
    const path = file('walr.yaml', 'receive: { directory: 5, more: 1 }\nother: 2')
    await expect(loadConfig(path)).rejects.toThrow(/receive\.directory.*receive\.more.*other/)
  })

  it('that cannot be read is refused, not taken for none', async () => {
    await expect(loadConfig(join(root, 'missing.yaml'))).rejects.toThrow(wrong)
    await expect(loadConfig(root)).rejects.toThrow(wrong)
  })
})
