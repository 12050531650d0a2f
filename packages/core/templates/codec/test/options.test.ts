import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isOptionsError } from '@walr/core/plugin'
import { parseOptions } from '../src/options.ts'

describe('the options', () => {
  it('are those of the entry, also as text, as they come from the environment', () => {
    assert.deepEqual(parseOptions({}), { quality: 4 })
    assert.deepEqual(parseOptions({ quality: '11' }), { quality: 11 })
  })

  it('are refused with all faults at once', () => {
    const isRefusal = (error: unknown): boolean => isOptionsError(error) && error.faults.length === 2
    assert.throws(() => parseOptions({ quality: 12, qality: 3 }), isRefusal)
  })
})
