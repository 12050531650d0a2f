import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { StepLine } from './step-line.ts'

function shown(isTTY: boolean): string {
  const stream = Object.assign(new PassThrough(), { isTTY })
  const line = new StepLine(stream)
  line.show('one')
  line.show('two')
  line.clear()
  line.clear()
  return String(stream.read())
}

it('a terminal has one line, which is gone at the end', () => {
  expect(shown(true)).toBe('walr: one ...\r\u001b[Kwalr: two ...\r\u001b[K')
})

it('elsewhere each step has a line', () => {
  expect(shown(false)).toBe('walr: one\nwalr: two\n')
})

it('control characters in what is being done do not reach the terminal', () => {
  const stream = new PassThrough()
  new StepLine(stream).show('fetching \u001b[2Jx\ny')
  expect(String(stream.read())).toBe('walr: fetching ?[2Jx y\n')
})
