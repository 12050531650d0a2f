import { describe, expect, it } from 'vitest'
import { checkReceiveDirectory } from '../../packages/core/src/app/receive-options/check-receive-directory.ts'
import { parseReceiveOptions } from '../../packages/core/src/app/receive-options/receive-options.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { isWalrError } from '../../packages/core/src/errors/walr-error.ts'
import { runTool } from '../support/pg-tools.ts'
import { runWalr } from '../support/walr-process.ts'

/** Command lines that end before anything is connected to. */
const commandLines: readonly (readonly string[])[] = [
  [],
  ['-D', '/absent/directory'],
  ['-D', ''],
  ['-D', '/etc/passwd'],
  ['--directory=/absent/directory', '-E', '0/0', '-s', '0', '-n', '-v', '--no-sync'],
  ['operand'],
  ['-D', '/tmp', 'one', '-n', 'two'],
  ['--', '-D'],
  ['-'],
  [''],
  ['--create-slot', '--drop-slot'],
  ['--create-slot'],
  ['--drop-slot'],
  ['--synchronous', '--no-sync'],
  ['--synch', '--no-sy'],
  ['--no'],
  ['--s'],
  ['--h'],
  ['--c'],
  ['--v=1'],
  ['--no-l=1'],
  ['--foo'],
  ['--foo=bar'],
  ['---foo'],
  ['-x'],
  ['-nx'],
  ['-D'],
  ['-nvS'],
  ['--directory'],
  ['--comp'],
  ['-E', 'x'],
  ['-E', ''],
  ['-E', '1/2', '-E', 'x', '--foo'],
  ['--foo', '-E', 'x'],
  ['-s', 'abc'],
  ['--status=abc'],
  ['-s', '0x10'],
  ['-s', '1e3'],
  ['-s', ' 5', '-E', 'x'],
  ['-s', '5 ', '-E', 'x'],
  ['-s', '-1'],
  ['-s', '2147484'],
  ['-s', '99999999999999999999'],
  ['-D', '/absent/directory', '-Z', 'foo'],
  ['-D', '/absent/directory', '-Z', '10'],
  ['-D', '/absent/directory', '-Z', 'gzip:0'],
  ['-D', '/absent/directory', '-Z', 'gzip:level=x'],
  ['-D', '/absent/directory', '-Z', 'gzip:workers=2'],
  ['-D', '/absent/directory', '-Z', 'gzip:'],
  ['-D', '/absent/directory', '-Z', 'none:1'],
  ['-D', '/absent/directory', '-Z', 'lz4:13'],
  ['-D', '/absent/directory', '-Z', '-1'],
  ['-D', '/absent/directory', '-Z-1'],
]

/** What walr says, by the functions that its command calls; starting a process for each would take most of a minute. */
async function refusalOf(argv: readonly string[]): Promise<{ message: string; hint: string | undefined }> {
  try {
    const options = parseReceiveOptions(argv)
    if (options !== 'help' && options !== 'version') await checkReceiveDirectory(nodeDisk, options.directory ?? '')
  } catch (error) {
    if (isWalrError(error, 'WALR_USAGE', 'WALR_DIRECTORY')) return error
    throw error
  }
  throw new Error('the command line was accepted')
}

/** The first message, without the program's name and without the level word, which getopt's own messages do not have. */
function firstMessage(stderr: string): string {
  return (stderr.split('\n')[0] ?? '').replace(/^[^:]*: (error: )?/, '')
}

describe('walr receive in place of pg_receivewal', () => {
  it.each(commandLines.map((argv) => [argv]))('refuses %j with the same message and hint', async (argv) => {
    const [walr, postgres] = await Promise.all([refusalOf(argv), runTool('pg_receivewal', argv)])
    expect(postgres.exitCode).toBe(1)
    expect(walr.message).toBe(firstMessage(postgres.stderr))
    const hint = /hint: (Try .*)/.exec(postgres.stderr)?.[1]?.replace('pg_receivewal', 'walr receive')
    if (hint !== undefined) expect(walr.hint).toContain(hint)
  })

  it.each([[['-D', '/absent/directory']], [['--foo']], [['-E', 'x']], [['--drop-slot']]])(
    'ends with status 1 and an error on standard error for %j',
    async (argv) => {
      const walr = await runWalr(['receive', ...argv])
      expect(walr).toMatchObject({ exitCode: 1, signal: null, stdout: '' })
      expect(walr.stderr).toMatch(/^walr: error: /)
      expect(firstMessage(walr.stderr)).toBe((await refusalOf(argv)).message)
    },
  )

  it.each([
    { PG_COLOR: 'always' },
    { PG_COLOR: 'always', PG_COLORS: 'error=01;33:note=04' },
    { PG_COLOR: 'auto' },
    { PG_COLOR: 'never' },
  ])('colours its messages alike with %j', async (env) => {
    const [walr, postgres] = await Promise.all([runWalr(['receive'], { env }), runTool('pg_receivewal', [], { env })])
    const renamed = postgres.stderr
      .replaceAll('"pg_receivewal ', '"walr receive ')
      .replaceAll('pg_receivewal:', 'walr:')
    expect(walr.stderr).toBe(renamed)
  })
})
