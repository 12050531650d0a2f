import { describe, expect, it } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import type { LogExtra, Logger } from './logger.ts'
import { reportError } from './report-error.ts'
import type { Verbosity } from './verbosity.ts'

function report(error: unknown, verbosity: Verbosity): { message: string } & LogExtra {
  const errors: ({ message: string } & LogExtra)[] = []
  const unexpected = (message: string): never => {
    throw new Error(`not an error: ${message}`)
  }
  const logger: Logger = {
    error: (message, extra) => void errors.push({ message, ...extra }),
    warning: unexpected,
    notice: unexpected,
    info: unexpected,
    debug: unexpected,
  }
  reportError(logger, error, verbosity)
  expect(errors).toHaveLength(1)
  return errors[0] ?? { message: '' }
}

const root = Object.assign(new TypeError('root'), { code: 'X' })
const walrError = new WalrError('WALR_DIRECTORY', 'no directory', {
  detail: 'A detail.',
  hint: 'A hint.',
  cause: new Error('middle', { cause: root }),
})

describe('an error that ends a command', () => {
  it('shows message, detail, hint and code of an error of walr', () => {
    expect(report(walrError, 0)).toEqual({
      message: 'no directory',
      code: 'WALR_DIRECTORY',
      detail: 'A detail.',
      hint: 'A hint.',
    })
  })

  it('shows the causes when verbose, and no stack', () => {
    expect(report(walrError, 1).detail).toBe('A detail.\ncaused by: middle\ncaused by: TypeError: root')
  })

  it('is a fault of walr when it is anything else, with its stack only when verbose', () => {
    expect(report(root, 0)).toMatchObject({
      message: 'unexpected: TypeError: root',
      code: 'WALR_INTERNAL',
      detail: undefined,
      hint: expect.stringContaining('--verbose') as string,
    })
    expect(report(root, 1).detail).toMatch(/^ +at .*report-error\.test\.ts/)
    expect(report('a string', 1).message).toBe('unexpected: a string')
    expect(report(undefined, 0).message).toBe('unexpected: undefined')
    expect(report({ a: 1 }, 0).message).toBe('unexpected: { a: 1 }')
  })

  it('shows the stack of an internal error of walr when verbose', () => {
    expect(report(new WalrError('WALR_INTERNAL', 'broken'), 1)).toMatchObject({
      message: 'broken',
      detail: expect.stringMatching(/^ +at /) as string,
    })
  })

  it('ends with causes that go round in a circle', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect(report(error, 1).detail?.match(/caused by/g)?.length).toBe(10)
  })

  it('shows every part of an aggregate', () => {
    const error = new WalrError('WALR_CONNECT_FAILED', 'no host', {
      cause: new AggregateError([new Error('one'), root], 'all'),
    })
    expect(report(error, 1).detail).toBe('caused by: AggregateError: all\ncaused by: one\ncaused by: TypeError: root')
  })
})
