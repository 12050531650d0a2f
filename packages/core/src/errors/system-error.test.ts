import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { isSystemError, systemError, systemErrorText } from './system-error.ts'

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

  it('read as the C library words them', () => {
    const codes = ['EACCES', 'EIO', 'ENOSPC', 'EROFS', 'EDQUOT', 'ESTALE', 'ENOTDIR', 'EMFILE', 'ECONNREFUSED'] as const
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
