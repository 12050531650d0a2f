import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { isSystemError, systemError, systemErrorName, systemErrorText } from './system-error.ts'

describe('errors of the system', () => {
  it('are known by their code', () => {
    let caught: unknown
    try {
      readFileSync('/absent/file')
    } catch (error) {
      caught = error
    }
    expect(isSystemError(caught)).toBe(true)
    expect(isSystemError(caught, 'EIO', 'ENOENT')).toBe(true)
    expect(isSystemError(caught, 'EIO')).toBe(false)
    expect(isSystemError(new Error('ENOENT'), 'ENOENT')).toBe(false)
    expect(systemErrorText(caught)).toBe('No such file or directory')
  })

  it.each([
    ['EDQUOT', 'UNKNOWN', 'Disk quota exceeded'],
    ['EDQUOT', 'Unknown system error -122', 'Disk quota exceeded'],
    ['ESTALE', 'Unknown system error -116', 'Stale file handle'],
  ] as const)('are known by their number where Node has no name for it: %s as %s', (name, code, text) => {
    // As Node makes it in the synchronous calls, and in the others.
    const errno = -constants.errno[name]
    const error = Object.assign(new Error(`${code}: ${code}, write`), { errno, code, syscall: 'write' })
    expect(isSystemError(error, 'ENOSPC', name)).toBe(true)
    expect(isSystemError(error, 'ENOSPC', 'EIO')).toBe(false)
    expect(systemErrorName(error)).toBe(name)
    expect(systemErrorText(error)).toBe(text)
  })

  it('keep a code that is no number of the system', () => {
    const lookup = Object.assign(new Error('x'), { errno: -3008, code: 'ENOTFOUND', syscall: 'getaddrinfo' })
    expect(isSystemError(lookup)).toBe(true)
    expect(isSystemError(lookup, 'ENOENT')).toBe(false)
    expect(systemErrorName(lookup)).toBe('ENOTFOUND')
  })

  it('are made as Node makes them', async () => {
    const made = systemError('ENOENT', 'open', '/absent/file')
    await expect(readFile('/absent/file')).rejects.toMatchObject({ ...made })
    expect(systemError('EDQUOT', 'write', 'f').code).toBe(`Unknown system error ${-constants.errno.EDQUOT}`)
  })

  it('read as the C library words them', () => {
    const codes = [
      ...(['EACCES', 'EIO', 'ENOSPC', 'EROFS', 'EDQUOT', 'ESTALE', 'ENOTDIR', 'EMFILE', 'ECONNREFUSED'] as const),
      ...(['EBADMSG', 'ENOLCK'] as const),
    ]
    const numbers = codes.map((code) => constants.errno[code])
    const script = 'use POSIX; setlocale(LC_ALL, "C"); print map { strerror($_) . "\\n" } @ARGV'
    const texts = execFileSync('perl', ['-e', script, ...numbers.map(String)], { encoding: 'utf8' })
    expect(codes.map((code) => systemErrorText(systemError(code, 'write', 'f')))).toEqual(texts.trimEnd().split('\n'))
  })

  it('leave other errors their own message', () => {
    expect(systemErrorText(new Error('something else'))).toBe('something else')
    expect(systemErrorText('text')).toBe('text')
  })
})
