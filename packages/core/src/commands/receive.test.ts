import { describe, expect, it } from 'vitest'
import { RECEIVE_OPTIONS } from '../app/receive-options/receive-option-table.ts'
import Receive from './receive.ts'

describe('the help of walr receive', () => {
  it('lists every option that the parser knows, with its letter and value, and no other', () => {
    const shown = Object.entries(Receive.flags).map(([name, flag]) => ({
      name,
      letter: flag.helpLabel === undefined ? flag.char : flag.helpLabel.charAt(1),
      takesValue: flag.type === 'option',
    }))
    const known = RECEIVE_OPTIONS.map(({ name, letter, takesValue }) => ({ name, letter, takesValue }))
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)
    expect(shown.sort(byName)).toEqual(known.sort(byName))
  })

  it('lists the options in the order of pg_receivewal', () => {
    const general = Object.entries(Receive.flags).filter(([, flag]) => flag.helpGroup === undefined)
    expect(general.map(([name]) => name)).toEqual([
      'directory',
      'endpos',
      'if-not-exists',
      'no-loop',
      'no-sync',
      'status-interval',
      'slot',
      'synchronous',
      'verbose',
      'version',
      'compress',
      'help',
    ])
  })
})
