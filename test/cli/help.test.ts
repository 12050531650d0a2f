import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runTool } from '../support/pg-tools.ts'
import { runProgram } from '../support/run-program.ts'
import { runWalr } from '../support/walr-process.ts'

describe('the help of walr', () => {
  it('has every option of pg_receivewal, and the same letters', async () => {
    const [walr, postgres] = await Promise.all([runWalr(['receive', '--help']), runTool('pg_receivewal', ['--help'])])
    expect(walr).toMatchObject({ exitCode: 0, stderr: '' })
    const optionsOf = (text: string): string[] =>
      [...text.matchAll(/^ {2,6}((?:-., )?--[a-z-]+)/gm)].map(([, name]) => name ?? '')
    const expected = optionsOf(postgres.stdout)
    expect(expected.length).toBeGreaterThan(15)
    expect(optionsOf(walr.stdout)).toEqual(expect.arrayContaining(expected))
  })

  it.each([['--help'], ['-?'], ['-n', '--help'], ['--hel']])('of receive is shown for %s', async (...argv) => {
    const result = await runWalr(['receive', ...argv])
    expect(result).toMatchObject({ exitCode: 0, stderr: '' })
    expect(result.stdout).toContain('$ walr receive [OPTION]...')
    expect(result.stdout).toContain('CONNECTION OPTIONS')
  })

  it('lists the commands', async () => {
    const result = await runWalr(['--help'])
    expect(result).toMatchObject({ exitCode: 0, stderr: '' })
    expect(result.stdout).toMatch(/^ {2}receive /m)
    expect(result.stdout).toMatch(/^ {2}restore-command /m)
  })
})

describe('the version of walr', () => {
  it.each([[['--version']], [['receive', '--version']], [['receive', '-V']], [['receive', '-nV']]])(
    'is one line for %j',
    async (argv) => {
      const result = await runWalr(argv)
      expect(result).toMatchObject({ exitCode: 0, stderr: '' })
      expect(result.stdout).toMatch(/^walr \d+\.\d+\.\d+\S*\n$/)
    },
  )
})

describe('a word that is no command', () => {
  it('is answered with the nearest command, without a question, and status 1', async () => {
    const result = await runWalr(['recieve', '-D', 'x'])
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('walr: error: unknown command "recieve"')
    expect(result.stderr).toContain('"walr receive"')
  })
})

describe('an error on the command line', () => {
  it('is a JSON object when JSON is asked for', async () => {
    const result = await runWalr(['receive', '--log-format=json', '--foo'])
    expect(result.exitCode).toBe(1)
    expect(JSON.parse(result.stderr)).toMatchObject({
      level: 'error',
      msg: "unrecognized option '--foo'",
      code: 'WALR_USAGE',
    })
  })

  it('names the nearest option', async () => {
    const result = await runWalr(['receive', '--directry=x'])
    expect(result.stderr).toContain('walr: hint: Did you mean "--directory"?')
  })
})

it.each([['--help'], ['--version'], ['receive --help'], ['receive --version']])(
  'fails in two lines when the output of %s cannot be written',
  async (argv) => {
    const walr = join(import.meta.dirname, '../../packages/core/bin/walr')
    const env = cleanEnvironment({ WALR_NODE: process.execPath })
    const result = await runProgram('bash', ['-c', `"$0" ${argv} > /dev/full`, walr], { env })
    expect(result.exitCode).toBe(1)
    expect(result.stderr).toMatch(/^walr: error: could not write to standard output: ENOSPC: .*\nwalr: hint: .*\n$/)
  },
)
