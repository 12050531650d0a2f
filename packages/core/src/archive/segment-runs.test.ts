import fc from 'fast-check'
import { expect, it } from 'vitest'
import { holesBetween } from './segment-runs.ts'

const run = (first: bigint, end: bigint): { first: bigint; end: bigint } => ({ first, end })

it('tells what is missing between runs, and before the end', () => {
  const present = [run(9n, 10n), run(3n, 5n), run(7n, 8n)]
  expect(holesBetween(present, undefined, 12n)).toEqual([run(5n, 7n), run(8n, 9n), run(10n, 12n)])
  expect(holesBetween(present, 1n, 4n)).toEqual([run(1n, 3n)])
  expect(holesBetween(present, undefined, 2n)).toEqual([])
  expect(holesBetween([], undefined, 5n)).toEqual([])
  expect(holesBetween([], 3n, 5n)).toEqual([run(3n, 5n)])
  expect(holesBetween([], 5n, 5n)).toEqual([])
})

it('tells of each number once, whatever the runs', () => {
  const runs = fc.array(
    fc.tuple(fc.bigInt(0n, 40n), fc.bigInt(1n, 6n)).map(([first, length]) => run(first, first + length)),
  )
  fc.assert(
    fc.property(runs, fc.bigInt(0n, 20n), fc.bigInt(0n, 50n), (present, first, end) => {
      const missing = holesBetween(present, first, end).flatMap((hole) => numbers(hole.first, hole.end))
      const isThere = (number: bigint): boolean => present.some((one) => one.first <= number && number < one.end)
      expect(missing).toEqual(numbers(first, end).filter((number) => !isThere(number)))
    }),
  )
})

function numbers(first: bigint, end: bigint): bigint[] {
  const all: bigint[] = []
  for (let number = first; number < end; number += 1n) all.push(number)
  return all
}
