import { describe, expect, it } from 'vitest'
import { findSessionAttributes, sessionMismatch } from './session-attributes.ts'

const PRIMARY = { readOnly: false, standby: false }
const STANDBY = { readOnly: true, standby: true }
const READ_ONLY_PRIMARY = { readOnly: true, standby: false }

describe('target_session_attrs', () => {
  it.each([
    ['any', [PRIMARY, STANDBY, READ_ONLY_PRIMARY]],
    ['read-write', [PRIMARY]],
    ['read-only', [STANDBY, READ_ONLY_PRIMARY]],
    ['primary', [PRIMARY, READ_ONLY_PRIMARY]],
    ['standby', [STANDBY]],
    ['prefer-standby', [STANDBY]],
  ] as const)('%s takes the right servers', (wanted, right) => {
    const taken = [PRIMARY, STANDBY, READ_ONLY_PRIMARY].filter(
      (server) => sessionMismatch(wanted, server) === undefined,
    )
    expect(taken).toEqual([...right].sort((one, other) => Number(one.readOnly) - Number(other.readOnly)))
  })

  it('asks the server only when that has not reported it', async () => {
    const asked: string[] = []
    const connection = {
      query: (sql: string) => {
        asked.push(sql)
        return Promise.resolve([['on']])
      },
    }
    const reported = (hotStandby: string, readOnly: string): Promise<unknown> =>
      findSessionAttributes(
        new Map([
          ['in_hot_standby', hotStandby],
          ['default_transaction_read_only', readOnly],
        ]),
        connection,
      )
    expect(await reported('off', 'off')).toEqual(PRIMARY)
    expect(await reported('on', 'off')).toEqual(STANDBY)
    expect(await reported('off', 'on')).toEqual(READ_ONLY_PRIMARY)
    expect(asked).toEqual([])
    expect(await findSessionAttributes(new Map(), connection)).toEqual(STANDBY)
    expect(asked).toEqual(['SHOW transaction_read_only'])
  })
})
