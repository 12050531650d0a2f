import { describe, expect, it } from 'vitest'
import { PasswordLine } from './password-line.ts'

function typed(keys: boolean, ...chunks: string[]): [string, string] {
  const line = new PasswordLine(keys)
  let outcome = 'more'
  for (const chunk of chunks) if (outcome === 'more') outcome = line.type(Buffer.from(chunk))
  return [outcome, line.text()]
}

describe('a password typed at a terminal', () => {
  it.each([
    ['secret\r', 'secret'],
    ['secret\n', 'secret'],
    ['secret\u0004', 'secret'],
    ['secrX\u007fet\r', 'secret'],
    ['\u0008\u007fsecret\r', 'secret'],
    ['wrong\u0015secret\r', 'secret'],
    ['grüX\u007f\u007fß\r', 'grß'],
    ['secret\rmore', 'secret'],
    ['\r', ''],
  ])('%j is %j', (input, password) => {
    expect(typed(true, input)).toEqual(['end', password])
  })

  it('may come in pieces, even of characters', () => {
    const line = new PasswordLine(true)
    const [first, second] = Buffer.from('ü')
    expect(line.type(Buffer.from([first ?? 0]))).toBe('more')
    expect(line.type(Buffer.from([second ?? 0, 0x0d]))).toBe('end')
    expect(line.text()).toBe('ü')
  })

  it('is given up with Ctrl-C', () => {
    expect(typed(true, 'sec\u0003')[0]).toBe('interrupt')
  })
})

describe('a password from a pipe', () => {
  it('is the first line as it is, without the end of the line', () => {
    expect(typed(false, 'se\u007fcret\r\nnext')).toEqual(['end', 'se\u007fcret'])
    expect(typed(false, 'sec', 'ret\n')).toEqual(['end', 'secret'])
    expect(typed(false, 'no end')).toEqual(['more', 'no end'])
  })
})
