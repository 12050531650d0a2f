import { expect, it } from 'vitest'
import { DamagedCopies } from './damaged-copies.ts'

it('remembers each damaged copy for a minute from when it was found last', () => {
  let now = 0
  const copies = new DamagedCopies(() => now)
  const [one, two] = [{ description: 'file "one"' }, { description: 'object "one"' }]
  copies.remember(one)
  expect([copies.has(one), copies.has(two)]).toEqual([true, false])
  now = 30_000
  copies.remember(two)
  copies.remember(one)
  now = 89_999
  expect([copies.has(one), copies.has(two)]).toEqual([true, true])
  now = 90_000
  expect([copies.has(one), copies.has(two)]).toEqual([false, false])
})

it('does not grow without end', () => {
  const copies = new DamagedCopies(() => 0)
  for (let number = 0; number <= 10_001; number++) copies.remember({ description: String(number) })
  expect([copies.has({ description: '0' }), copies.has({ description: '10001' })]).toEqual([false, true])
})
