import { describe, expect, it } from 'vitest'
import { textTable } from './text-table.ts'

const rows = [
  ['OPTION', 'TYPE', 'MEANING'],
  ['bucket', 'string', 'name of the bucket, which has to be there before'],
  ['x', 'integer', 'short'],
]

describe('a table', () => {
  it('has one line a row where nobody asks for a width', () => {
    expect(textTable(rows)).toBe(
      `
OPTION  TYPE     MEANING
bucket  string   name of the bucket, which has to be there before
x       integer  short`.slice(1),
    )
  })

  it('goes on in its last column when that is wider than the terminal', () => {
    expect(textTable(rows, 50)).toBe(
      `
OPTION  TYPE     MEANING
bucket  string   name of the bucket, which has to
                 be there before
x       integer  short`.slice(1),
    )
  })

  it('has its last column below the others when there is no room for sentences beside them', () => {
    expect(textTable(rows, 40)).toBe(
      `
OPTION  TYPE
    MEANING
bucket  string
    name of the bucket, which has to be
    there before
x       integer
    short`.slice(1),
    )
  })

  it('keeps a word whole that is wider than the terminal', () => {
    expect(textTable([['a', '/a/path/that/is/longer/than/the/terminal']], 34)).toBe(
      'a  /a/path/that/is/longer/than/the/terminal',
    )
  })

  it('of nothing is nothing', () => {
    expect(textTable([], 80)).toBe('')
  })
})
