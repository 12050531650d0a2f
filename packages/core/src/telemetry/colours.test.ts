import { describe, expect, it } from 'vitest'
import { coloured, coloursFor } from './colours.ts'

const none = { error: '', warning: '', note: '', locus: '' }
const standard = { error: '01;31', warning: '01;35', note: '01;36', locus: '01' }

describe('colours', () => {
  it.each([
    [undefined, true, none],
    ['never', true, none],
    ['auto', false, none],
    ['auto', true, standard],
    ['always', false, standard],
    ['always', true, standard],
    ['odd', true, none],
  ])('with PG_COLOR=%s, terminal %s, are as PostgreSQL has them', (PG_COLOR, terminal, expected) => {
    expect(coloursFor({ PG_COLOR }, terminal)).toEqual(expected)
  })

  it('are those of PG_COLORS and no others when it is set', () => {
    const environment = { PG_COLOR: 'always', PG_COLORS: 'error=01;33:odd=1:note:locus=x;1' }
    expect(coloursFor(environment, false)).toEqual({ ...none, error: '01;33' })
  })

  it('surround a text, or leave it alone', () => {
    expect(coloured('error: ', '01;31')).toBe('\u001b[01;31merror: \u001b[0m')
    expect(coloured('error: ', '')).toBe('error: ')
  })
})
