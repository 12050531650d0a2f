import { describe, expect, it } from 'vitest'
import { toPlugin } from './plugin-shape.ts'

const option = { name: 'level', type: 'integer', summary: 'How hard.' }

function faultOf(options: unknown): string | undefined {
  const plugin = { name: 'walr-x', apiVersion: 1, parseOptions: () => ({}), createCodec: () => ({}), options }
  const result = toPlugin(plugin, undefined)
  return 'fault' in result ? result.fault : undefined
}

describe('the options that a plugin describes', () => {
  it.each([
    [[]],
    [[option]],
    [[{ ...option, default: '3', required: false, secret: true }]],
    [[{ ...option, default: undefined, more: 1 }]],
  ])('%j are good', (options) => {
    expect(faultOf(options)).toBeUndefined()
  })

  it.each([
    undefined,
    null,
    'level',
    [null],
    ['level'],
    [{ ...option, name: 3 }],
    [{ name: 'level', type: 'integer' }],
  ])('%j are none', (options) => {
    expect(faultOf(options)).toBe('has a default export whose "options" is not a list of { name, type, summary }')
  })

  it.each([
    [{ default: 3 }, 'describes its option "level" with a "default" that is no string: 3'],
    [{ default: null }, 'describes its option "level" with a "default" that is no string: null'],
    [{ required: 'no' }, `describes its option "level" with a "required" that is no boolean: 'no'`],
    [{ secret: 1 }, 'describes its option "level" with a "secret" that is no boolean: 1'],
  ])('with %j are told by name', (more, fault) => {
    expect(faultOf([{ ...option, ...more }])).toBe(fault)
  })
})
