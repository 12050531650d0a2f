import { describe, expect, it } from 'vitest'
import { sslRequest, startupMessage } from './startup-message.ts'

describe('the first messages', () => {
  it('name protocol 3.0 and every parameter that has a value', () => {
    const message = startupMessage({ user: 'jö', database: 'replication', options: undefined })
    expect(message.readInt32BE(0)).toBe(message.length)
    expect(message.readInt32BE(4)).toBe(196_608)
    expect(message.toString('utf8', 8)).toBe('user\0jö\0database\0replication\0\0')
  })

  it('ask for TLS with the number that stands for it', () => {
    expect(sslRequest().toString('hex')).toBe('0000000804d2162f')
  })
})
