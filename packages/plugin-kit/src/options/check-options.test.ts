import { isOptionsError, type OptionDescription, type OptionFault } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkOptions, type OptionRelations } from './check-options.ts'
import { boolean, integer, size, text } from './option-types.ts'

const descriptions: readonly OptionDescription[] = [
  { name: 'bucket', type: 'string', summary: 'the bucket', required: true },
  { name: 'password', type: 'string', summary: 'the password', secret: true },
  { name: 'tries', type: 'integer', summary: 'how often' },
  { name: 'role.name', type: 'string', summary: 'name of the role' },
]
const schema = z.strictObject({
  bucket: text,
  password: integer(1, 2).optional(),
  tries: integer(1, 9).default(3),
  part: size(1024, 2048 * 1024).default(4096),
  lazy: boolean.default(false),
  role: z.strictObject({ name: text }).optional(),
})

function faultsOf(input: Readonly<Record<string, unknown>>, relate?: (relations: OptionRelations) => void) {
  try {
    checkOptions(schema, descriptions, input, relate)
  } catch (error) {
    if (isOptionsError(error)) return error.faults
    throw error
  }
  return []
}
const only = (faults: readonly OptionFault[]): OptionFault | undefined => (faults.length === 1 ? faults[0] : undefined)

describe('options', () => {
  it('come as text from the environment', () => {
    const parsed = checkOptions(schema, descriptions, { bucket: 'b', tries: '5', part: '1 MiB', lazy: 'true' })
    expect(parsed).toEqual({ bucket: 'b', tries: 5, part: 1024 ** 2, lazy: true })
  })

  it('are told with all their faults at once, those between options among them', () => {
    const faults = faultsOf({ tries: 12, part: '3GiB' }, ({ needs }) => needs('tries', 'lazy'))
    expect(faults.map(({ path }) => path)).toEqual(['bucket', 'tries', 'part', 'lazy'])
    expect(faults[2]?.message).toContain('a size from 1KiB to 2MiB is expected')
  })

  it('show the value that was received', () => {
    expect(only(faultsOf({ bucket: 'b', tries: 12 }))?.message).toBe('a whole number from 1 to 9 is expected; it is 12')
  })

  it('never show a secret', () => {
    const fault = only(faultsOf({ bucket: 'b', password: 'hunter2' }))
    expect(fault?.path).toBe('password')
    expect(JSON.stringify(fault)).not.toContain('hunter2')
  })

  it.each([
    [{ bucket: 'b', tires: 2 }, 'tires', 'did you mean "tries"?'],
    [{ bucket: 'b', role: { name: 'r', nam: 1 } }, 'role.nam', 'did you mean "name"?'],
    [{ bucket: 'b', qqqqqqqqq: 2 }, 'qqqqqqqqq', 'there is no such option'],
  ])('that are unknown are told the nearest one: %j', (input, path, message) => {
    const fault = only(faultsOf(input))
    expect(fault?.path).toBe(path)
    expect(fault?.message).toContain(message)
  })

  it('may exclude each other', () => {
    const fault = only(faultsOf({ bucket: 'b', tries: 1 }, ({ excludes }) => excludes('tries', 'bucket')))
    expect(fault).toEqual({ path: 'tries', message: 'it cannot be used together with "bucket"' })
  })
})
