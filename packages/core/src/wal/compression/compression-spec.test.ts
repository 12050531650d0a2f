import { describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import { parseCompressionSpec } from './compression-spec.ts'

describe('--compress', () => {
  it.each([
    ['0', { method: 'none' }],
    ['', { method: 'none' }],
    ['none', { method: 'none' }],
    ['none:0', { method: 'none' }],
    ['none:level=0', { method: 'none' }],
    ['1', { method: 'gzip', level: 1 }],
    ['9', { method: 'gzip', level: 9 }],
    [' 9', { method: 'gzip', level: 9 }],
    ['+9', { method: 'gzip', level: 9 }],
    ['-1', { method: 'gzip', level: undefined }],
    ['gzip', { method: 'gzip', level: undefined }],
    ['gzip:5', { method: 'gzip', level: 5 }],
    ['gzip:level=5', { method: 'gzip', level: 5 }],
    ['gzip:-1', { method: 'gzip', level: undefined }],
    ['gzip:level=1,level=2', { method: 'gzip', level: 2 }],
    ['lz4', { method: 'lz4', level: undefined }],
    ['lz4:0', { method: 'lz4', level: undefined }],
    ['lz4:12', { method: 'lz4', level: 12 }],
    ['zstd', { method: 'zstd', level: undefined }],
    ['zstd:22', { method: 'zstd', level: 22 }],
    ['zstd:-131072', { method: 'zstd', level: -131_072 }],
    ['zstd:0', { method: 'zstd', level: 0 }],
    ['zstd:level=3,workers=2,long', { method: 'zstd', level: 3, workers: 2, long: true }],
    ['zstd:long=off', { method: 'zstd', level: undefined, long: false }],
    ['zstd:long=YES', { method: 'zstd', level: undefined, long: true }],
    ['zstd:workers=0', { method: 'zstd', level: undefined, workers: 0 }],
  ])('takes %j', (text, spec) => {
    expect(parseCompressionSpec(text)).toEqual(spec)
  })

  it.each([
    ['foo', 'unrecognized compression algorithm: "foo"'],
    ['GZIP', 'unrecognized compression algorithm: "GZIP"'],
    [' gzip', 'unrecognized compression algorithm: " gzip"'],
    ['5x', 'unrecognized compression algorithm: "5x"'],
    [':5', 'unrecognized compression algorithm: ""'],
    ['toString', 'unrecognized compression algorithm: "toString"'],
    ['none:1', 'invalid compression specification: compression algorithm "none" does not accept a compression level'],
    [
      'none:workers=1',
      'invalid compression specification: compression algorithm "none" does not accept a worker count',
    ],
    [
      '10',
      'invalid compression specification: compression algorithm "gzip" expects a compression level between 1 and 9 (default at -1)',
    ],
    [
      'gzip:0',
      'invalid compression specification: compression algorithm "gzip" expects a compression level between 1 and 9 (default at -1)',
    ],
    [
      'lz4:13',
      'invalid compression specification: compression algorithm "lz4" expects a compression level between 1 and 12 (default at 0)',
    ],
    [
      'zstd:23',
      'invalid compression specification: compression algorithm "zstd" expects a compression level between -131072 and 22 (default at 1)',
    ],
    [
      'zstd:workers=-1',
      'invalid compression specification: compression algorithm "zstd" expects a worker count between 0 and 64',
    ],
    [
      'gzip:workers=2',
      'invalid compression specification: compression algorithm "gzip" does not accept a worker count',
    ],
    ['lz4:long', 'invalid compression specification: compression algorithm "lz4" does not support long-distance mode'],
    ['gzip:', 'invalid compression specification: found empty string where a compression option was expected'],
    ['gzip:level=1,', 'invalid compression specification: found empty string where a compression option was expected'],
    ['gzip:=1', 'invalid compression specification: found empty string where a compression option was expected'],
    ['gzip:x', 'invalid compression specification: unrecognized compression option: "x"'],
    ['gzip:x=1', 'invalid compression specification: unrecognized compression option: "x"'],
    ['gzip:level', 'invalid compression specification: compression option "level" requires a value'],
    ['gzip:level=', 'invalid compression specification: value for compression option "level" must be an integer'],
    ['gzip:level=5x', 'invalid compression specification: value for compression option "level" must be an integer'],
    [
      'zstd:workers=two',
      'invalid compression specification: value for compression option "workers" must be an integer',
    ],
    [
      'zstd:long=maybe',
      'invalid compression specification: value for compression option "long" must be a Boolean value',
    ],
  ])("refuses %j in PostgreSQL's words", (text, message) => {
    const attempt = (): unknown => parseCompressionSpec(text)
    expect(attempt).toThrow(expect.objectContaining({ message }) as Error)
    expect(attempt).toThrow(expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_USAGE')) as Error)
  })
})
