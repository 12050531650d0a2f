import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { generateKey } from './generate-key.ts'

let directory: string
let file: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-key-'))
  file = join(directory, 'walr.keys')
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const old = `# ring\nwalr-key:2025:${Buffer.alloc(32, 'ab').toString('base64')}\n\n${'0f'.repeat(32)}\n`

describe('a new key', () => {
  it('is 32 random bytes with an id', async () => {
    const keys = await Promise.all([generateKey({ id: 'production' }), generateKey({ id: 'production' })])
    const bytes = keys.map(({ id, line }) => {
      expect(id).toBe('production')
      const encoded = /^walr-key:production:([A-Za-z0-9+/]{43}=)$/.exec(line)?.[1] ?? ''
      return Buffer.from(encoded, 'base64')
    })
    expect(bytes.map(({ length }) => length)).toEqual([32, 32])
    expect(bytes[0]).not.toEqual(bytes[1])
  })

  it('is named after the day on which it was made', async () => {
    const now = () => new Date('2026-11-21T23:59:59Z')
    expect((await generateKey({}, { now, random: (length) => Buffer.alloc(length, 0x5f) })).id).toBe('2026-11-21-5f5f')
    expect((await generateKey({}, { now })).id).toMatch(/^2026-11-21-[0-9a-f]{4}$/)
  })

  it.each(['', 'a b', 'a:b', 'ä', 'a'.repeat(65)])('cannot be called "%s"', async (id) => {
    await expect(generateKey({ id, file })).rejects.toMatchObject({ code: 'WALR_USAGE' })
    expect(readdirSync(directory)).toEqual([])
  })

  it('goes to a file of its own that only its owner can read, durably', async () => {
    const { line } = await generateKey({ file }, { disk })
    expect(readFileSync(file, 'utf8')).toBe(`${line}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const order = disk.operations.map(({ operation }) => operation)
    expect(order.filter((name) => ['open', 'write', 'sync', 'syncDirectory'].includes(name))).toEqual([
      'open',
      'write',
      'sync',
      'syncDirectory',
    ])
  })

  it('never replaces a file', async () => {
    writeFileSync(file, old)
    await expect(generateKey({ file })).rejects.toMatchObject({
      code: 'WALR_USAGE',
      message: `file "${file}" exists`,
      hint: expect.stringContaining('--add') as string,
    })
    expect(readFileSync(file, 'utf8')).toBe(old)
  })

  it.each([
    ['open', 'EACCES', 'WALR_WRITE_FAILED'],
    ['write', 'ENOSPC', 'WALR_DISK_FULL'],
    ['write', 'EDQUOT', 'WALR_DISK_FULL'],
    ['sync', 'EIO', 'WALR_WRITE_FAILED'],
    ['syncDirectory', 'EIO', 'WALR_WRITE_FAILED'],
  ] as const)('leaves no file behind when %s fails with %s', async (operation, error, code) => {
    disk.on({ operation }, { error })
    await expect(generateKey({ file }, { disk })).rejects.toMatchObject({ code })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('a key that is added', () => {
  it('comes first, and the file keeps all that it had', async () => {
    writeFileSync(file, old, { mode: 0o640 })
    const { line } = await generateKey({ file, add: true })
    expect(readFileSync(file, 'utf8')).toBe(`${line}\n${old}`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['walr.keys'])
    const { line: newer } = await generateKey({ file, add: true })
    expect(readFileSync(file, 'utf8')).toBe(`${newer}\n${line}\n${old}`)
  })

  it('makes the file when there is none', async () => {
    const { line } = await generateKey({ file, add: true })
    expect(readFileSync(file, 'utf8')).toBe(`${line}\n`)
    expect(readdirSync(directory)).toEqual(['walr.keys'])
  })

  it('needs a file', async () => {
    await expect(generateKey({ add: true })).rejects.toMatchObject({ code: 'WALR_USAGE' })
  })

  it.each([
    ['a file that holds something else', `# mine\n${old}PASSWORD=hunter2\n`, 'line 6 is neither a key nor a comment'],
    ['a file that is too large', '#'.repeat(70_000), 'it is larger than 65536 bytes'],
    ['a file that has the id', old, 'has a key with the id "2025" already, in line 2'],
  ])('does not go to %s', async (_, contents, message) => {
    writeFileSync(file, contents)
    const adding = generateKey({ id: contents === old ? '2025' : '2026', file, add: true })
    await expect(adding).rejects.toMatchObject({
      code: 'WALR_KEY',
      message: expect.stringContaining(message) as string,
    })
    await expect(adding).rejects.not.toThrow('hunter2')
    expect(readFileSync(file, 'utf8')).toBe(contents)
    expect(readdirSync(directory)).toEqual(['walr.keys'])
  })

  it('is not lost to another one that is added at the same time', async () => {
    writeFileSync(file, old)
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => generateKey({ file, add: true })))
    const contents = readFileSync(file, 'utf8')
    const added = results.filter((result) => result.status === 'fulfilled')
    expect(added.length).toBeGreaterThan(0)
    for (const { value } of added) expect(contents).toContain(value.line)
    expect(contents.split('\n')).toHaveLength(added.length + old.split('\n').length)
    expect(readdirSync(directory)).toEqual(['walr.keys'])
  })

  it.each(['write', 'sync', 'rename'] as const)('leaves the file as it was when %s fails', async (operation) => {
    writeFileSync(file, old)
    disk.on({ operation, pathPattern: /\.tmp$/ }, { error: 'EIO' })
    await expect(generateKey({ file, add: true }, { disk })).rejects.toMatchObject({
      code: operation === 'sync' ? 'WALR_FSYNC_FAILED' : 'WALR_WRITE_FAILED',
    })
    expect(readFileSync(file, 'utf8')).toBe(old)
    expect(readdirSync(directory)).toEqual(['walr.keys'])
  })
})
