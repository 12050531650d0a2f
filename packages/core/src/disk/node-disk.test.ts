import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiskEntry } from './disk.ts'
import { nodeDisk } from './node-disk.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-disk-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('open', () => {
  it('makes an absent file with mode 0600 and never truncates one that is there', async () => {
    const path = join(directory, 'f')
    await (await nodeDisk.open(path, 'create')).close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    writeFileSync(path, 'kept')
    await (await nodeDisk.open(path, 'create')).close()
    expect(readFileSync(path, 'utf8')).toBe('kept')
  })

  it('uses the mode that is asked for', async () => {
    const path = join(directory, 'f')
    await (await nodeDisk.open(path, 'createNew', 0o640)).close()
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  it('refuses a new file where one is, an existing one where none is, and writes to a file opened for reading', async () => {
    const path = join(directory, 'f')
    await expect(nodeDisk.open(path, 'existing')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(nodeDisk.open(path, 'read')).rejects.toMatchObject({ code: 'ENOENT' })
    await (await nodeDisk.open(path, 'createNew')).close()
    await expect(nodeDisk.open(path, 'createNew')).rejects.toMatchObject({ code: 'EEXIST' })
    const file = await nodeDisk.open(path, 'read')
    try {
      expect(() => file.writeSync(Buffer.from('x'), 0, 1, 0)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    } finally {
      await file.close()
    }
  })
})

describe('an open file', () => {
  it('holds what was written where it was written, by either form', async () => {
    const file = await nodeDisk.open(join(directory, 'f'), 'create')
    file.writeSync(Buffer.from('..abc..'), 2, 3, 0)
    await file.write(Buffer.from('def'), 0, 3, 3)
    file.writeSync(Buffer.from('X'), 0, 1, 1)
    file.dataSyncSync()
    await file.dataSync()
    await file.sync()
    const bytes = Buffer.alloc(4)
    expect(await file.read(bytes, 1)).toBe(4)
    expect(bytes.toString()).toBe('Xcde')
    expect(await file.read(Buffer.alloc(10), 4)).toBe(2)
    expect(await file.size()).toBe(6)
    await file.truncate(2)
    expect(await file.size()).toBe(2)
    await file.close()
  })

  it('asks the system for every sync, and reports what it says', async () => {
    // The null device cannot be synced, so that the system answers with an error.
    const file = await nodeDisk.open('/dev/null', 'existing')
    try {
      expect(() => file.dataSyncSync()).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'fdatasync' }))
      await expect(file.dataSync()).rejects.toMatchObject({ code: 'EINVAL', syscall: 'fdatasync' })
      await expect(file.sync()).rejects.toMatchObject({ code: 'EINVAL', syscall: 'fsync' })
    } finally {
      await file.close()
    }
  })

  it('may be closed twice, at the same time too', async () => {
    const file = await nodeDisk.open(join(directory, 'f'), 'create')
    await Promise.all([file.close(), file.close()])
    await file.close()
    expect(() => file.writeSync(Buffer.from('x'), 0, 1, 0)).toThrow()
  })

  it('fails instead of leaving out bytes when the system takes only a part of them', async () => {
    const source = join(import.meta.dirname, 'node-disk.ts')
    const script = `
      import { nodeDisk } from ${JSON.stringify(source)}
      const file = await nodeDisk.open(process.argv[1], 'create')
      const bytes = Buffer.alloc(100_000, 7)
      const codes = []
      try { file.writeSync(bytes, 0, bytes.length, 0) } catch (error) { codes.push(error.code) }
      try { await file.write(bytes, 0, bytes.length, 0) } catch (error) { codes.push(error.code) }
      console.log(codes.join() + ' ' + await file.size())`
    // A limit on the file size makes the write that crosses it a short one.
    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      'ulimit -f 16; exec "$0" "$@"',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      join(directory, 'limited'),
    ])
    const [codes, size] = stdout.trim().split(' ')
    expect(codes).toBe('EFBIG,EFBIG')
    expect(Number(size)).toBeLessThan(100_000)
    expect(Number(size)).toBeGreaterThan(0)
  })
})

describe('the directory operations', () => {
  it('list what is there by kind, links as what they point to', async () => {
    writeFileSync(join(directory, 'file'), '')
    mkdirSync(join(directory, 'directory'))
    symlinkSync('file', join(directory, 'link'))
    symlinkSync('nowhere', join(directory, 'dangling'))
    const entries = [...(await nodeDisk.list(directory))].sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(entries).toEqual([
      { name: 'dangling', kind: 'other' },
      { name: 'directory', kind: 'directory' },
      { name: 'file', kind: 'file' },
      { name: 'link', kind: 'file' },
    ])
    await expect(nodeDisk.list(join(directory, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('list links that lead nowhere, or where nobody may look, without failing', async () => {
    writeFileSync(join(directory, 'file'), '')
    symlinkSync('file/below', join(directory, 'below-file'))
    symlinkSync('loop', join(directory, 'loop'))
    symlinkSync('x'.repeat(300), join(directory, 'too-long'))
    mkdirSync(join(directory, 'closed'), { mode: 0 })
    symlinkSync('closed/secret', join(directory, 'forbidden'))
    chmodSync(directory, 0o755)
    const script = `
      import { nodeDisk } from ${JSON.stringify(join(import.meta.dirname, 'node-disk.ts'))}
      if (process.getuid() === 0) process.setuid(65534)
      console.log(JSON.stringify(await nodeDisk.list(process.argv[1])))`
    const options = ['--input-type=module', '-e', script, directory]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    const entries = (JSON.parse(stdout) as DiskEntry[]).sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(entries).toMatchObject([
      { name: 'below-file', kind: 'other' },
      { name: 'closed', kind: 'directory' },
      { name: 'file', kind: 'file' },
      { name: 'forbidden', kind: 'unknown', error: { code: 'EACCES', path: join(directory, 'forbidden') } },
      { name: 'loop', kind: 'other' },
      { name: 'too-long', kind: 'other' },
    ])
  })

  it('tell an absent file from one that cannot be looked at', async () => {
    writeFileSync(join(directory, 'file'), '12345')
    expect(await nodeDisk.size(join(directory, 'file'))).toBe(5)
    expect(await nodeDisk.size(join(directory, 'absent'))).toBeUndefined()
    await expect(nodeDisk.size(join(directory, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it('tell what a name itself is: a link that leads nowhere is one', async () => {
    writeFileSync(join(directory, 'file'), '')
    symlinkSync('nowhere', join(directory, 'link'))
    expect(await nodeDisk.named(directory)).toBe('directory')
    expect(await nodeDisk.named(join(directory, 'file'))).toBe('file')
    expect(await nodeDisk.named(join(directory, 'link'))).toBe('link')
    for (const absent of ['absent', 'file/below']) expect(await nodeDisk.named(join(directory, absent))).toBe(undefined)
  })

  it('rename over an existing file, and remove a file that may be absent', async () => {
    writeFileSync(join(directory, 'a'), 'new')
    writeFileSync(join(directory, 'b'), 'old')
    await nodeDisk.rename(join(directory, 'a'), join(directory, 'b'))
    expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('new')
    await nodeDisk.remove(join(directory, 'b'))
    await nodeDisk.remove(join(directory, 'b'))
    expect(await nodeDisk.list(directory)).toEqual([])
    await expect(nodeDisk.remove(directory)).rejects.toThrow()
  })

  it('make a directory once, in an existing directory only, never over a file', async () => {
    const path = join(directory, 'd')
    await nodeDisk.makeDirectory(path)
    await nodeDisk.makeDirectory(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    await expect(nodeDisk.makeDirectory(join(directory, 'x', 'y'))).rejects.toMatchObject({ code: 'ENOENT' })
    writeFileSync(join(directory, 'file'), '')
    await expect(nodeDisk.makeDirectory(join(directory, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('sync a directory, and refuse what is none', async () => {
    await nodeDisk.syncDirectory(directory)
    writeFileSync(join(directory, 'file'), '')
    await expect(nodeDisk.syncDirectory(join(directory, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it('tell the free space in bytes, as df does', async () => {
    const free = await nodeDisk.freeBytes(directory)
    const { stdout } = await promisify(execFile)('df', ['-B1', '--output=avail', directory])
    const expected = Number(stdout.trim().split('\n').at(-1))
    expect(Math.abs(free - expected)).toBeLessThan(Math.max(expected * 0.1, 64 * 1024 * 1024))
  })
})
