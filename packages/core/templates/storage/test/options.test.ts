import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isOptionsError } from '@walr/core/plugin'
import { parseOptions } from '../src/options.ts'

describe('the options', () => {
  it('are those of the entry, with slashes where the storage expects them', () => {
    assert.deepEqual(parseOptions({ url: 'https://objects.example.com/', bucket: 'b', prefix: 'pg/prod' }), {
      url: 'https://objects.example.com',
      bucket: 'b',
      token: undefined,
      prefix: 'pg/prod/',
    })
  })

  it('are refused with all faults at once, and without the value of a secret', () => {
    const isRefusal = (error: unknown): boolean =>
      isOptionsError(error) &&
      ['url', 'bucket', 'token', 'prefx'].every((path) => error.faults.some((fault) => fault.path === path)) &&
      !error.message.includes('4711')
    assert.throws(() => parseOptions({ url: 'somewhere', token: 4711, prefx: 'x' }), isRefusal)
  })
})
