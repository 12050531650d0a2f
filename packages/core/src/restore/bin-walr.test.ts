import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let root: string
let walr: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr bin '))
  cpSync(fileURLToPath(new URL('../../bin', import.meta.url)), join(root, 'core', 'bin'), { recursive: true })
  writeFileSync(join(root, 'core', 'package.json'), '{ "type": "module" }')
  walr = join(root, 'core', 'bin', 'walr')
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

/** A program that is run in place of Node. */
function fakeNode(body: string): string {
  const path = join(root, 'fake node')
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

const entries = {
  'restore-command': 'app/recovery/restore-command.js',
  'archive-command': 'app/archive-command/archive-command-entry.js',
}

/** What the program behind the wrapper imports. */
function program(body: string, command: keyof typeof entries = 'restore-command'): void {
  const path = join(root, 'core', 'dist', entries[command])
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, body)
}

interface Run {
  readonly node?: string
  readonly path?: string
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
}

function run(argv: readonly string[], options: Run = {}): SpawnSyncReturns<string> {
  const environment = { ...process.env, WALR_NODE: options.node ?? process.execPath, ...options.environment }
  return spawnSync(options.path ?? walr, argv, { encoding: 'utf8', env: environment, cwd: options.cwd })
}

describe('the walr script, for restore-command', () => {
  it.each([
    [78, 0],
    [79, 1],
    [0, 255],
    [1, 255],
    [2, 255],
    [9, 255],
    [13, 255],
    [77, 255],
    [80, 255],
    [125, 255],
    [126, 126],
    [127, 127],
    [255, 255],
  ])('makes of %i the status %i', (status, expected) => {
    expect(run(['restore-command', 'f', 'p'], { node: fakeNode(`exit ${status}`) }).status).toBe(expected)
  })

  it.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
    ['ABRT', 134],
  ])('makes of a death by SIG%s the status %i', (signal, expected) => {
    expect(run(['restore-command', 'f', 'p'], { node: fakeNode(`kill -${signal} $$`) }).status).toBe(expected)
  })

  it('stops PostgreSQL when there is no Node at all', () => {
    expect(run(['restore-command', 'f', 'p'], { node: '/does/not/exist/node' }).status).toBe(127)
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ])('lets the program clean up after %s, and dies of it then: %i', (signal, expected) => {
    program(`export const restoreCommand = (argv, { signal, writeOutput }) =>
      new Promise((resolve) => {
        const alive = setInterval(() => {}, 1000)
        signal.addEventListener('abort', () => {
          clearInterval(alive)
          writeOutput('cleaned up')
          resolve(255)
        })
        process.kill(process.pid, '${signal}')
      })`)
    const { status, stdout } = run(['restore-command', 'f', 'p'])
    expect(stdout).toBe('cleaned up')
    expect(status).toBe(expected)
  })

  it.each([
    ['throws', 'throw new Error("broken")'],
    ['is not there', undefined],
    ['ends Node by itself', 'process.exit(1)'],
    ['never settles', 'export const restoreCommand = () => new Promise(() => {})'],
    ['rejects', 'export const restoreCommand = () => Promise.reject(new Error("broken"))'],
    [
      'throws later',
      'export const restoreCommand = () => { setTimeout(() => { throw new Error("x") }); return new Promise(() => {}) }',
    ],
    [
      'forgets a rejection',
      'export const restoreCommand = () => { Promise.reject(new Error("x")); return new Promise(() => {}) }',
    ],
    ['has a syntax error', 'export const restoreCommand = ('],
    ['has another name', 'export const other = 1'],
  ])('exits with 255 when the program %s', (_what, body) => {
    if (body !== undefined) program(body)
    expect(run(['restore-command', 'f', 'p']).status).toBe(255)
  })

  it.each([
    [78, 0],
    [79, 1],
    [255, 255],
    // Something that was loaded into Node ended it before there was an answer.
    [0, 255],
  ])('passes on the answer %i as %i', (status, expected) => {
    program(`export const restoreCommand = () => Promise.resolve(${status})`)
    expect(run(['restore-command', 'f', 'p']).status).toBe(expected)
  })

  it('hands over arguments, working directory and the numbers of the answers', () => {
    program(`export const restoreCommand = async (argv, { environment, workingDirectory, writeOutput }) => {
      writeOutput(JSON.stringify([argv, environment.WALR_RESTORE_DELIVERED_STATUS, environment.WALR_RESTORE_ABSENT_STATUS, workingDirectory]))
      return 0
    }`)
    const { stdout } = run(['restore-command', '-D', '/a b', '', '%f'], { cwd: root })
    expect(JSON.parse(stdout)).toEqual([['-D', '/a b', '', '%f'], '78', '79', root])
  })

  it('says that it is not built, in two lines', () => {
    const { status, stderr } = run(['restore-command', 'f', 'p'])
    expect(status).toBe(255)
    expect(stderr).toMatch(/^walr: error: walr is not built: .*\nwalr: hint: .*\n$/)
  })
})

describe('the walr script, for archive-command', () => {
  it.each([
    [78, 0],
    [0, 1],
    [1, 1],
    [2, 2],
    [13, 13],
    [125, 125],
    [126, 1],
    [127, 1],
    [128, 1],
    [193, 1],
    [255, 1],
  ])('makes of %i the status %i', (status, expected) => {
    expect(run(['archive-command', 'p'], { node: fakeNode(`exit ${status}`) }).status).toBe(expected)
  })

  it.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ])('makes of a death by SIG%s the status %i', (signal, expected) => {
    expect(run(['archive-command', 'p'], { node: fakeNode(`kill -${signal} $$`) }).status).toBe(expected)
  })

  it('keeps the file when there is no Node at all', () => {
    expect(run(['archive-command', 'p'], { node: '/does/not/exist/node' }).status).toBe(1)
  })

  it.each([
    ['throws', 'throw new Error("broken")'],
    ['is not there', undefined],
    ['ends Node by itself', 'process.exit(0)'],
    ['never settles', 'export const archiveCommandEntry = () => new Promise(() => {})'],
    ['rejects', 'export const archiveCommandEntry = () => Promise.reject(new Error("broken"))'],
    ['has another name', 'export const other = 1'],
    ['answers as if there were no wrapper', 'export const archiveCommandEntry = () => Promise.resolve(0)'],
  ])('does not say that a file was archived when the program %s', (_what, body) => {
    if (body !== undefined) program(body, 'archive-command')
    expect(run(['archive-command', 'p']).status).toBe(1)
  })

  it('hands over arguments, working directory and the number for success', () => {
    program(
      `export const archiveCommandEntry = async (argv, { environment, workingDirectory, writeOutput }) => {
        writeOutput(JSON.stringify([argv, environment.WALR_ARCHIVED_STATUS, workingDirectory]))
        return 78
      }`,
      'archive-command',
    )
    const { stdout, status } = run(['archive-command', '--config', '/a b', 'pg_wal/x'], { cwd: root })
    expect(JSON.parse(stdout)).toEqual([['--config', '/a b', 'pg_wal/x'], '78', root])
    expect(status).toBe(0)
  })
})

describe('the walr script', () => {
  it('is found through symbolic links, relative and absolute, from any directory', () => {
    program('export const restoreCommand = () => Promise.resolve(79)')
    mkdirSync(join(root, 'links'))
    symlinkSync('../core/bin/walr', join(root, 'links', 'relative'))
    symlinkSync(join(root, 'links', 'relative'), join(root, 'absolute'))
    for (const [path, cwd] of [
      [join(root, 'absolute'), '/'],
      ['./absolute', root],
      ['../links/relative', join(root, 'core')],
    ] as const) {
      expect(run(['restore-command', 'f', 'p'], { path, cwd }).status).toBe(1)
    }
  })

  it('becomes Node for the other commands, with their status and without the number for absent', () => {
    const node = fakeNode('for last; do :; done; echo "$WALR_RESTORE_ABSENT_STATUS|$#|$last"; exit 7')
    for (const [command, count] of [
      ['receive', 4],
      ['status', 3],
    ] as const) {
      const { status, stdout } = run([command, '-D a b'], { node })
      expect(status).toBe(7)
      expect(stdout).toBe(`|${count}|-D a b\n`)
    }
  })

  it.each([
    ['restore-command', 255],
    ['receive', 1],
  ])('says of an old Node that it is too old: %s ends with %i', (command, expected) => {
    const pretend = 'Object.defineProperty(process, "versions", { value: { node: "20.1.0" } })'
    const { status, stderr } = run([command], {
      environment: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` },
    })
    expect(status).toBe(expected)
    expect(stderr).toContain('walr: error: walr needs Node 24 or newer; this is v')
    expect(stderr).toContain(process.execPath)
  })
})

describe('without WALR_NODE', () => {
  const versionOf = (walrPath: string, environment: Readonly<Record<string, string>>): SpawnSyncReturns<string> =>
    spawnSync(walrPath, ['anything'], { encoding: 'utf8', env: environment })

  it.each(['node_modules/@walr/core', 'packages/core'])('runs on the Node installed beside %s', (place) => {
    const bin = join(root, place, 'bin')
    cpSync(dirname(walr), bin, { recursive: true })
    const beside = join(root, 'node_modules', '.bin', 'node')
    mkdirSync(dirname(beside), { recursive: true })
    writeFileSync(beside, '#!/bin/sh\necho beside "$(basename "$1")" "$2"\n')
    chmodSync(beside, 0o755)
    const { stdout, status } = versionOf(join(bin, 'walr'), { PATH: '/usr/bin:/bin' })
    expect([stdout, status]).toEqual(['beside walr.js anything\n', 0])
  })

  it('runs on the Node of the PATH when none is beside it', () => {
    const onPath = join(root, 'path')
    mkdirSync(onPath)
    writeFileSync(join(onPath, 'node'), '#!/bin/sh\necho from the path\n')
    chmodSync(join(onPath, 'node'), 0o755)
    expect(versionOf(walr, { PATH: `${onPath}:/usr/bin:/bin` }).stdout).toBe('from the path\n')
  })
})

it('ends by SIGUSR1, where Node alone would open a port for its debugger', () => {
  program(`export async function restoreCommand() {
    process.kill(process.pid, 'SIGUSR1')
    await new Promise((resolve) => setTimeout(resolve, 20_000))
    return 0
  }`)
  const { status, stderr } = run(['restore-command'])
  expect(status).toBe(128 + constants.signals.SIGUSR1)
  expect(stderr).not.toContain('Debugger')
})
