import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSecretFile } from './read-secret-file.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-secret-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function read(content: string | Uint8Array): Promise<string> {
  writeFileSync(join(root, 'secret'), content)
  return readSecretFile('secret', root)
}

describe('the file of a secret', () => {
  it.each([
    ['geheim', 'geheim'],
    ['geheim\n', 'geheim'],
    ['geheim\r\n', 'geheim'],
    ['geheim\n\n', 'geheim\n'],
    [' a\nb \n', ' a\nb '],
    ['', ''],
    ['x'.repeat(100_000), 'x'.repeat(100_000)],
  ])('is read without one newline at its end', async (content, expected) => {
    expect(await read(content)).toBe(expected)
  })

  it.each([
    ['is binary', () => read(Uint8Array.of(103, 101, 104, 255, 0)), 'not UTF-8'],
    ['is long', () => read('x'.repeat(1024 * 1024 + 1)), 'longer than 1 MiB'],
    ['is a device without end', () => readSecretFile('/dev/zero', '/'), 'longer than 1 MiB'],
    ['is missing', () => readSecretFile('missing', '/tmp'), '"/tmp/missing", which cannot be read: No such file'],
    ['is a directory', () => readSecretFile('/', '/'), 'Is a directory'],
    ['has no name', () => readSecretFile('', '/'), 'without a path'],
  ])('is refused when it %s', async (_what, reading, text) => {
    await expect(reading()).rejects.toThrow(text)
  })
})
