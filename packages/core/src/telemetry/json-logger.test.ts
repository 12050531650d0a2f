import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createJsonLogger } from './json-logger.ts'
import type { Verbosity } from './verbosity.ts'

async function capture(verbosity: Verbosity) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString())
      done()
    },
  })
  const logger = await createJsonLogger({ verbosity, stream })
  const records = (): unknown[] =>
    written
      .join('')
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
  return { logger, records, text: () => written.join('') }
}

describe('the JSON logger', () => {
  it('prints one object a line, with level, time and message and whatever else there is', async () => {
    const { logger, records } = await capture(0)
    const before = Date.now()
    logger.error('failed', {
      code: 'WALR_USAGE',
      detail: 'd',
      hint: 'h',
      fields: { lsn: '0/1', count: 2, none: undefined },
    })
    logger.warning('careful')
    logger.notice('hello\nworld')
    const [first, ...others] = records()
    expect(first).toEqual({
      level: 'error',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      msg: 'failed',
      code: 'WALR_USAGE',
      detail: 'd',
      hint: 'h',
      lsn: '0/1',
      count: 2,
    })
    expect(Date.parse((first as { time: string }).time)).toBeGreaterThanOrEqual(before)
    expect(others).toMatchObject([
      { level: 'warning', msg: 'careful' },
      { level: 'notice', msg: 'hello\nworld' },
    ])
  })

  it.each([
    [0, ['notice']],
    [1, ['notice', 'info']],
    [2, ['notice', 'info', 'debug']],
  ] as const)('with verbosity %i prints what it is to print', async (verbosity, levels) => {
    const { logger, records } = await capture(verbosity)
    logger.notice('x')
    logger.info('x')
    logger.debug('x')
    expect(records()).toMatchObject(levels.map((level) => ({ level })))
  })

  it('keeps its own names when a field has one of them', async () => {
    const { logger, records } = await capture(0)
    logger.error('m', { code: 'WALR_USAGE', fields: { level: 1, msg: 'x', code: 'y' } })
    expect(records()).toMatchObject([
      { level: 'error', msg: 'm', code: 'WALR_USAGE', level_: 1, msg_: 'x', code_: 'y' },
    ])
  })

  it('never shows a password', async () => {
    const { logger, text } = await capture(2)
    logger.error('postgres://u:geheim@h', {
      detail: 'password=geheim',
      hint: "password='geheim'",
      fields: { password: 'geheim', keyPassphrase: 'geheim', uri: 'postgres://u:geheim@h' },
    })
    logger.debug('password=geheim')
    expect(text()).toContain('********')
    expect(text()).not.toContain('geheim')
  })
})
