import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import type { ProgramResult } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { spawnTracked } from '../support/tracked-process.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, type WalrOptions } from '../support/walr-process.ts'

let scratch: Scratch
beforeEach(() => {
  scratch = makeScratch('config')
})
afterEach(() => {
  scratch.remove()
})

function file(name: string, content: string): string {
  const path = join(scratch.path, name)
  writeFileSync(path, content)
  return path
}

function walrConfig(argv: readonly string[], options: WalrOptions = {}): Promise<ProgramResult> {
  return runWalr(['config', ...argv], { cwd: scratch.path, ...options })
}

const good = `
connection: { host: db, user: walr, password: "\${file:secret}" }
receive: { directory: wal, slot: walr }
archive: { storage: { use: local, path: "\${ARCHIVE:-/archive}" } }
`

it('does not end as if all were well while a plugin waits for nothing', async () => {
  const folder = join(scratch.path, 'node_modules/walr-x')
  mkdirSync(folder, { recursive: true })
  const walr = { apiVersion: 1, provides: ['codec'] }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'walr-x', version: '1.0.0', type: 'module', exports: './index.js', walr }),
  )
  writeFileSync(join(folder, 'index.js'), 'await new Promise(() => undefined)')
  const archive = '{ storage: { use: local, path: /archive }, codecs: [{ use: walr-x }] }'
  file('walr.config.yaml', `connection: { host: db }\nplugins: [walr-x]\narchive: ${archive}\n`)
  const { exitCode, stdout, stderr } = await walrConfig(['show'])
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toContain('walr: error: nothing is left to do, but walr is not done')
})

describe('walr config validate', () => {
  it('accepts a configuration that it finds in the working directory', async () => {
    const path = file('walr.config.yaml', good)
    file('secret', 'geheim\n')
    const result = await walrConfig(['validate'])
    expect(result).toMatchObject({ exitCode: 0, stderr: '', stdout: `configuration file "${path}" is valid\n` })
  })

  it('lists all faults, with nearest names and where they come from, and fails', async () => {
    file('walr.config.yaml', `${good}recieve: {}\ncluster: a/b\n`)
    const result = await walrConfig(['validate', '-v'], { env: { WALR_ARCHIVE_CONCURRENCY: 'many' } })
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('is wrong in 4 places')
    expect(result.stderr).toContain('"recieve": unknown key; did you mean "receive"? (line 5)')
    expect(result.stderr).toContain('"cluster": must be letters')
    expect(result.stderr).toContain('received "many" (environment variable WALR_ARCHIVE_CONCURRENCY)')
    expect(result.stderr).toContain(`refers to the file "${join(scratch.path, 'secret')}"`)
    expect(result.stderr).toContain('walr: code: WALR_CONFIG')
  })

  it('gives faults to machines', async () => {
    const path = file('other.yaml', 'receive: { slto: x }')
    const result = await walrConfig(['validate', '--json', '--config', 'other.yaml'])
    expect(result).toMatchObject({ exitCode: 1, stderr: '' })
    expect(JSON.parse(result.stdout)).toEqual({
      valid: false,
      file: path,
      faults: [{ path: 'receive.slto', message: 'unknown key; did you mean "receive.slot"?', source: 'file', line: 1 }],
    })
  })

  it('knows TypeScript', async () => {
    file('walr.config.ts', 'interface A { a: string }\nconst cluster: A["a"] = "pg15"\nexport default { cluster }\n')
    expect(await walrConfig(['validate'])).toMatchObject({ exitCode: 0 })
  })

  it.each(['validate', 'show'])(
    'and the like do not take a file that they may not read for none (%s)',
    async (command) => {
      const path = file('walr.config.yaml', good)
      chmodSync(scratch.path, 0o755)
      chmodSync(path, 0o000)
      const user = unprivilegedUser()
      const result = await walrConfig([command], user === undefined ? {} : { user })
      expect(result).toMatchObject({ exitCode: 1, stdout: '' })
      expect(result.stderr).toContain(`could not load configuration file "${path}": Permission denied`)
    },
  )
})

describe('walr config show', () => {
  it('shows every value and where it came from, and no secret', async () => {
    const path = file('walr.config.yaml', good)
    file('secret', 'geheim\n')
    const env = { WALR_RECEIVE_SLOT: 'other', WALR_ARCHIVE_STORAGE_TOKEN: 'geheim' }
    const result = await walrConfig(['show'], { env })
    expect(result).toMatchObject({ exitCode: 0, stderr: '' })
    const lines = result.stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '))
    expect(lines[0]).toBe(`configuration file: ${path}`)
    expect(lines).toContain(`receive.directory | ${join(scratch.path, 'wal')} | file`)
    expect(lines).toContain('receive.slot | other | environment variable WALR_RECEIVE_SLOT')
    expect(lines).toContain('receive.flush | batch | default')
    expect(lines).toContain('receive.compress | (not set)')
    expect(lines).toContain('connection.password | ******** | file')
    expect(lines).toContain('archive.storage.path | /archive | file')
    expect(lines).toContain('archive.storage.token | ******** | environment variable WALR_ARCHIVE_STORAGE_TOKEN')
    expect(result.stdout).not.toContain('geheim')
  })

  it('gives them to machines', async () => {
    const result = await walrConfig(['show', '--json'], { env: { WALR_CONNECTION: 'host=db password=geheim' } })
    const shown = JSON.parse(result.stdout) as { file: unknown; settings: unknown[] }
    expect(shown.file).toBeNull()
    const source = 'environment variable WALR_CONNECTION'
    expect(shown.settings).toContainEqual({ key: 'connection.host', value: 'db', source, secret: false })
    expect(shown.settings).toContainEqual({ key: 'connection.password', value: '********', source, secret: true })
    expect(shown.settings).toContainEqual({ key: 'receive.slot', value: null, source: null, secret: false })
    expect(result.stdout).not.toContain('geheim')
  })

  it('fails as the other commands do when the configuration is wrong', async () => {
    const result = await walrConfig(['show', '--config', 'missing.yaml'])
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toMatch(/^walr: error: could not load configuration file ".*missing\.yaml": No such file/)
  })
})

describe('walr config init', () => {
  it('writes a configuration that is valid, once', async () => {
    const argv = ['init', '--storage', 'local', '--path', 'archive', '-D', 'wal', '--yes']
    const first = await walrConfig(argv)
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    const path = join(scratch.path, 'walr.config.yaml')
    expect(first.stdout).toContain(`wrote "${path}"`)
    expect(await walrConfig(['validate'])).toMatchObject({ exitCode: 0, stderr: '' })
    const text = readFileSync(path, 'utf8')
    const second = await walrConfig(argv)
    expect(second).toMatchObject({ exitCode: 1, stdout: '' })
    expect(second.stderr).toContain('there is a configuration already')
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('says what is missing when there is nobody to ask', async () => {
    const result = await walrConfig(['init'])
    expect(result).toMatchObject({ exitCode: 1, stdout: '' })
    expect(result.stderr).toContain('these are missing: --storage')
    expect(existsSync(join(scratch.path, 'walr.config.yaml'))).toBe(false)
  })

  it('asks on a terminal', async () => {
    const terminal = initOnTerminal('-S slot')
    await terminal.answer('in the archive [main]: ', 'pg15')
    await terminal.answer('(empty: PG* variables): ', '')
    await terminal.answer('to receive WAL into [/var/lib/walr/pg15]: ', '')
    await terminal.answer('(local or s3): ', 'ftp')
    await terminal.answer('(local or s3): ', 'local')
    await terminal.answer('Directory of the archive: ', '/a')
    await terminal.answer('Encrypt the archive (yes or no) [no]: ', '')
    expect(await terminal.status()).toBe('0')
    const shown = await walrConfig(['show', '--json'])
    const { settings } = JSON.parse(shown.stdout) as { settings: { key: string; value: unknown }[] }
    expect(Object.fromEntries(settings.map(({ key, value }) => [key, value]))).toMatchObject({
      cluster: 'pg15',
      'receive.directory': '/var/lib/walr/pg15',
      'receive.slot': 'slot',
      'archive.storage.path': '/a',
    })
  })

  it('writes nothing when Ctrl-C answers', async () => {
    const terminal = initOnTerminal()
    await terminal.answer('in the archive [main]: ', '\u0003')
    expect(await terminal.status()).toBe('1')
    expect(terminal.output()).toContain('nothing was written')
    expect(existsSync(join(scratch.path, 'walr.config.yaml'))).toBe(false)
  })
})

/** Runs `walr config init` at a terminal of its own. */
function initOnTerminal(argv = ''): {
  /** Waits for a question behind the last one, and types a line. */
  answer(question: string, line: string): Promise<void>
  status(): Promise<string>
  output(): string
} {
  const walr = join(import.meta.dirname, '../../packages/core/bin/walr')
  const child = spawnTracked('script', ['-qec', `'${walr}' config init ${argv}; echo "status $?"`, '/dev/null'], {
    cwd: scratch.path,
    env: cleanEnvironment({ WALR_NODE: process.execPath }),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let answered = 0
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return {
    async answer(question, line) {
      await waitFor(`"${question}"`, () => output.includes(question, answered))
      answered = output.indexOf(question, answered) + question.length
      child.stdin?.write(`${line}\r`)
    },
    async status() {
      const status = await waitFor('the end', () => /status (\d+)/.exec(output)?.[1])
      child.stdin?.end()
      return status
    },
    output: () => output,
  }
}
