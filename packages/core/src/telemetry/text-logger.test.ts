import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createTextLogger } from './text-logger.ts'
import type { Verbosity } from './verbosity.ts'

function capture(verbosity: Verbosity, environment: Record<string, string> = {}) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString())
      done()
    },
  })
  return { logger: createTextLogger({ verbosity, stream, environment }), text: () => written.join('') }
}

describe('the text logger', () => {
  it('prints as the client programs of PostgreSQL do', () => {
    const { logger, text } = capture(0)
    logger.error('failed', { detail: 'It was this.', hint: 'Do that.', code: 'WALR_USAGE', fields: { a: 1 } })
    logger.warning('careful')
    logger.notice('for your information\n')
    expect(text()).toBe(
      'walr: error: failed\nwalr: detail: It was this.\nwalr: hint: Do that.\n' +
        'walr: warning: careful\nwalr: for your information\n',
    )
  })

  it.each([
    [0, 'walr: notice\n'],
    [1, 'walr: notice\nwalr: info\n'],
    [2, 'walr: notice\nwalr: info\nwalr: debug\n'],
  ] as const)('with verbosity %i prints what it is to print', (verbosity, expected) => {
    const { logger, text } = capture(verbosity)
    logger.notice('notice')
    logger.info('info')
    logger.debug('debug')
    expect(text()).toBe(expected)
  })

  it('shows the code when verbose', () => {
    const { logger, text } = capture(1)
    logger.error('failed', { code: 'WALR_USAGE', hint: 'Do that.' })
    expect(text()).toBe('walr: error: failed\nwalr: hint: Do that.\nwalr: code: WALR_USAGE\n')
  })

  it('colours program, level and note', () => {
    const { logger, text } = capture(0, { PG_COLOR: 'always' })
    logger.error('failed', { hint: 'x' })
    logger.notice('y')
    const walr = '\u001b[01mwalr: \u001b[0m'
    expect(text()).toBe(`${walr}\u001b[01;31merror: \u001b[0mfailed\n${walr}\u001b[01;36mhint: \u001b[0mx\n${walr}y\n`)
  })

  it('never shows a password', () => {
    const { logger, text } = capture(2)
    logger.error('bad: postgres://u:geheim@h', { detail: 'password=geheim', hint: "password='geheim'" })
    logger.debug('{"password":"geheim"}')
    expect(text()).not.toContain('geheim')
  })

  it('does not end the program when nobody reads standard error any more', async () => {
    const script = `
      import { createTextLogger } from ${JSON.stringify(join(import.meta.dirname, 'text-logger.ts'))}
      const logger = createTextLogger({ verbosity: 0 })
      process.stdin.once('data', () => {
        let left = 50
        const timer = setInterval(() => {
          logger.error('x'.repeat(10_000))
          if (--left === 0) { clearInterval(timer); process.stdin.destroy(); process.stdout.write('survived') }
        }, 1)
      })
      process.stdout.write('ready ')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await once(child.stdout, 'data')
    child.stderr.destroy()
    child.stdin.write('go')
    const [code] = (await once(child, 'close')) as [number]
    expect(output).toBe('ready survived')
    expect(code).toBe(0)
  })
})
