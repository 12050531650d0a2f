import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableLine } from './printable-text.ts'

describe('a text of others', () => {
  it.each([
    ['plain, with äöü and 漢字 and 🙂', 'plain, with äöü and 漢字 and 🙂'],
    ['\u001b[31mred\u0007', '?[31mred?'],
    ['\u009b2J and \u007f', '?2J and ?'],
    ['over\r\ntwo\n\tlines', 'over\ntwo\n\tlines'],
    ['\u202Etxet', '?txet'],
    ['over\rwritten', 'over?written'],
  ])('%j is shown as %j', (text, expected) => {
    expect(printable(text)).toBe(expected)
  })

  it('has no control character but line breaks and tabs left, and in one line none at all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text).replace(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u)
        expect(printableLine(text)).not.toMatch(/\p{Cc}/u)
      }),
    )
    expect(printableLine(' over\r\n two\u001b\n')).toBe('over two?')
  })
})
