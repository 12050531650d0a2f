import { describe, expect, it } from 'vitest'
import { networkErrorText, systemErrorCode } from './network-error.ts'

describe('the text of a network error', () => {
  it('is what the system says, as PostgreSQL prints it', () => {
    expect(networkErrorText(Object.assign(new Error('connect ECONNREFUSED'), { errno: -111 }))).toBe(
      'Connection refused',
    )
    expect(networkErrorText(new Error('something else'))).toBe('something else')
    expect(networkErrorText('text')).toBe('text')
  })

  it('has the system’s code beside it', () => {
    expect(systemErrorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT')
    expect(systemErrorCode(new DOMException('aborted', 'AbortError'))).toBeUndefined()
  })
})
