import { describe, expect, it } from 'vitest'
import { nearestName } from './nearest-name.ts'

const names = ['receive', 'restore', 'restore-command', 'slot', 'synchronous', 'no-sync']

describe('the nearest name', () => {
  it.each([
    ['recieve', 'receive'],
    ['receiv', 'receive'],
    ['restorecommand', 'restore-command'],
    ['slto', 'slot'],
    ['slott', 'slot'],
    ['sinchronus', 'synchronous'],
    ['nosync', 'no-sync'],
    ['receive', 'receive'],
  ])('of %s is %s', (given, expected) => {
    expect(nearestName(given, names)).toBe(expected)
  })

  it.each(['', 'x', 'foo', 'backup', 'slow-motion'])('of %j is none', (given) => {
    expect(nearestName(given, names)).toBeUndefined()
  })
})
