import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { prefetchArguments } from './prefetch-arguments.ts'

const walr = fileURLToPath(new URL('../../../bin/walr', import.meta.url))
const NAME = '0000000100000000000000A1'
const TARGET = 'pg_wal/RECOVERYXLOG'
const RUN = '4711.1795315341'

/** The shells of this machine that may be `/bin/sh` somewhere. */
const shells = ['dash', 'bash', 'busybox', 'mksh', 'ksh', 'yash'].filter(
  (shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0 || spawnSync(shell, ['sh', '-c', 'exit 0']).status === 0,
)

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr data '))
  mkdirSync(join(data, 'pg_wal'))
  postmaster('4711')
})
afterEach(() => {
  rmSync(data, { recursive: true, force: true })
})

/** As PostgreSQL writes it. */
function postmaster(pid: string, start = '1795315341'): void {
  writeFileSync(
    join(data, 'postmaster.pid'),
    `${pid}\n/var/lib/postgresql/data\n${start}\n5432\n/tmp\n*\n  1 2\nready   \n`,
  )
}

/** A generation that has the segment ready for a command line. */
function ready(
  argv: readonly string[],
  options: { run?: string; name?: string; environment?: Environment } = {},
): void {
  const { run = RUN, name = NAME, environment = {} } = options
  const folder = join(data, 'pg_wal', '.walr', run)
  mkdirSync(join(folder, 'ready'), { recursive: true })
  writeFileSync(join(folder, 'ready', name), 'wal')
  const { line } = prefetchArguments([...argv, name, TARGET], { fileName: name, targetPath: TARGET }, environment)
  if (line !== undefined) writeFileSync(join(folder, 'arguments'), `${line}\n`)
}

type Environment = Readonly<Record<string, string>>

/** Runs the script; the status is 42 when it has gone on to Node. */
function call(
  argv: readonly string[],
  options: { environment?: Environment; shell?: string; path?: string } = {},
): number | null {
  const { environment = {}, shell = 'dash', path = process.env['PATH'] ?? '' } = options
  const node = join(data, 'node')
  writeFileSync(node, '#!/bin/sh\n: >"${0%/*}/node was run"\nexit 42\n')
  chmodSync(node, 0o755)
  const env = { PATH: path, WALR_NODE: node, ...environment }
  const words = shell === 'busybox' ? ['sh', walr] : [walr]
  const { status } = spawnSync(shell, [...words, 'restore-command', ...argv], { cwd: data, env })
  return existsSync(join(data, 'node was run')) ? 42 : status
}

const isDelivered = (): boolean => existsSync(join(data, TARGET))

describe.each(shells)('a segment that is ready, with %s', (shell) => {
  it.each([
    ['none', []],
    ['a configuration', ['--config', '/etc/walr.yaml']],
    ['spaces', ['-D', '/a directory/with  two', ' lead', 'trail ']],
    ['empty ones', ['--config', '', '']],
    ['characters of the shell', ['$HOME', '`id`', '*', '\\', '\\n', '%f', "'", '"', '-n', '~', '$(id)', '[a-z]*?']],
    ['tabs and other languages', ['\t', 'größe', '日本']],
  ])('is delivered without Node when the arguments are the same: %s', (_what, argv) => {
    ready(argv)
    expect(call([...argv, NAME, TARGET], { shell })).toBe(0)
    expect(readFileSync(join(data, TARGET), 'utf8')).toBe('wal')
    expect(existsSync(join(data, 'pg_wal/.walr', RUN, 'ready', NAME))).toBe(false)
  })

  it('is delivered where the variables that name places are the same', () => {
    const environment = {
      WALR_RECEIVE_DIRECTORY: '/r d',
      WALR_CONFIG: '/c',
      WALR_SERVE_ADDR: 'http://x:1',
      WALR_SERVE_TOKEN_FILE: '/t',
    }
    ready(['-v'], { environment })
    expect(call(['-v', NAME, TARGET], { shell, environment })).toBe(0)
  })

  it('is delivered where pg_wal is a link', () => {
    renameSync(join(data, 'pg_wal'), join(data, 'elsewhere'))
    symlinkSync('elsewhere', join(data, 'pg_wal'))
    ready([])
    expect(call([NAME, TARGET], { shell })).toBe(0)
    expect(readFileSync(join(data, 'elsewhere/RECOVERYXLOG'), 'utf8')).toBe('wal')
  })

  it.each<[string, readonly string[], readonly string[]]>([
    ['another directory', ['-D', '/a'], ['-D', '/b']],
    ['one more', ['-D', '/a'], ['-D', '/a', '-v']],
    ['one less', ['-D', '/a', '-v'], ['-D', '/a']],
    ['others that look the same when they are joined', ['a|b'], ['a', 'b']],
    ['a bar', ['a', 'b'], ['a|b']],
    ['a new line', ['a'], ['a\nb']],
    ['one that only starts the same', ['-D', '/a'], ['-D', '/a\n']],
    ['a blank at the end', ['-D', '/a'], ['-D', '/a ']],
    ['a backslash', ['-D', '/ab'], ['-D', '/a\\b']],
  ])('is left to Node when the arguments are different: %s', (_what, its, ours) => {
    ready(its)
    expect(call([...ours, NAME, TARGET], { shell })).toBe(42)
    expect(isDelivered()).toBe(false)
  })

  it.each(['WALR_RECEIVE_DIRECTORY', 'WALR_CONFIG', 'WALR_SERVE_ADDR', 'WALR_SERVE_TOKEN_FILE'])(
    'is left to Node when %s is another one, or cannot be compared',
    (name) => {
      ready([], { environment: { [name]: 'a' } })
      for (const value of ['b', 'a|', 'a\n', '']) {
        expect(call([NAME, TARGET], { shell, environment: { [name]: value } })).toBe(42)
      }
      expect(isDelivered()).toBe(false)
    },
  )

  it.each(['WALR_ARCHIVE_STORAGE_PATH', 'WALR_PASSPHRASE', 'WALR_X'])(
    'is left to Node when another variable of walr is set: %s',
    (name) => {
      ready([])
      for (const value of ['/b', '', "it's\n.\n"]) {
        expect(call([NAME, TARGET], { shell, environment: { [name]: value } })).toBe(42)
      }
      expect(isDelivered()).toBe(false)
    },
  )

  it.each([
    ['is set', { WALR_ARCHIVE_STORAGE_PATH: '/a' }, {}],
    ['is the same', { WALR_ARCHIVE_STORAGE_PATH: '/a' }, { WALR_ARCHIVE_STORAGE_PATH: '/a' }],
  ])('is left to Node when another variable of walr %s for the prefetcher', (_what, its, ours) => {
    ready([], { environment: its })
    expect(call([NAME, TARGET], { shell, environment: ours })).toBe(42)
    expect(isDelivered()).toBe(false)
  })

  it.each([
    ['too short', '0000000100000000000000A'],
    ['too long', '0000000100000000000000A10'],
    ['in lower case', '0000000100000000000000a1'],
    ['of a folder above', '../ready/00000001000000A'],
    ['of a history', '00000002.history'],
    ['with a blank', '000000010000000 000000A1'],
    ['with another digit', '00000001000000000000000٣'],
    ['empty', ''],
    ['of an unfinished segment', `${NAME}.partial`],
  ])('is left to Node when the name is %s', (_what, name) => {
    if (name !== '' && !name.includes('/')) ready([], { name })
    else ready([])
    expect(call([name, TARGET], { shell })).toBe(42)
    expect(isDelivered()).toBe(false)
  })

  it.each(['pg_wal/RECOVERYHISTORY', './pg_wal/RECOVERYXLOG', 'pg_wal/RECOVERYXLOG ', `pg_wal/${NAME}`, '/tmp/x', ''])(
    'is left to Node when the target is "%s"',
    (target) => {
      ready([])
      expect(call([NAME, target], { shell })).toBe(42)
    },
  )

  it.each([
    ['is not there', () => rmSync(join(data, 'postmaster.pid'))],
    [
      'is a folder',
      () => {
        rmSync(join(data, 'postmaster.pid'))
        mkdirSync(join(data, 'postmaster.pid'))
      },
    ],
    ['is empty', () => writeFileSync(join(data, 'postmaster.pid'), '')],
    ['ends early', () => writeFileSync(join(data, 'postmaster.pid'), '4711\n/data\n')],
    ['is of a single user', () => postmaster('-4711')],
    ['is of another run', () => postmaster('4711', '1795315342')],
    ['is of another process', () => postmaster('4712')],
    ['has no number', () => postmaster('../4711')],
    ['has a zero', () => postmaster('04711')],
    ['has no start', () => postmaster('4711', '')],
  ])('is left to Node when postmaster.pid %s', (_what, change) => {
    ready([])
    ready([], { run: '-4711.1795315341' })
    ready([], { run: '04711.1795315341' })
    ready([], { run: '4711.' })
    change()
    expect(call([NAME, TARGET], { shell })).toBe(42)
    expect(isDelivered()).toBe(false)
  })

  it.each([
    ['another segment is ready', () => renameSync(readyFile(), `${readyFile().slice(0, -1)}2`)],
    [
      'a folder has its name',
      () => {
        rmSync(readyFile())
        mkdirSync(readyFile())
      },
    ],
    ['nobody says for which arguments', () => rmSync(join(data, 'pg_wal/.walr', RUN, 'arguments'))],
    ['the arguments are not whole', () => writeFileSync(join(data, 'pg_wal/.walr', RUN, 'arguments'), '|||')],
    ['something is at the target', () => writeFileSync(join(data, TARGET), 'other')],
  ])('is left to Node when %s', (_what, change) => {
    ready([])
    change()
    expect(call([NAME, TARGET], { shell })).toBe(42)
  })

  // busybox has its own.
  it.skipIf(shell === 'busybox')('is left to Node when there is no mv, or it fails', () => {
    ready([])
    expect(call([NAME, TARGET], { shell, path: sandbox(shell) })).toBe(42)
    expect(call([NAME, TARGET], { shell, path: sandbox(shell, 'exit 1') })).toBe(42)
  })
})

it('needs at least the two arguments', () => {
  ready([])
  expect(call([], {})).toBe(42)
  expect(call([NAME], {})).toBe(42)
  expect(call([TARGET], {})).toBe(42)
})

function readyFile(): string {
  return join(data, 'pg_wal/.walr', RUN, 'ready', NAME)
}

/** A PATH with the shell and without mv, or with one that does what `mv` says. */
function sandbox(shell: string, mv?: string): string {
  const folder = join(data, mv === undefined ? 'bare' : 'failing')
  mkdirSync(folder)
  const found = spawnSync('sh', ['-c', `command -v ${shell}`], { encoding: 'utf8' }).stdout.trim()
  symlinkSync(found, join(folder, shell))
  if (mv !== undefined) {
    writeFileSync(join(folder, 'mv'), `#!/bin/sh\n${mv}\n`)
    chmodSync(join(folder, 'mv'), 0o755)
  }
  return folder
}
