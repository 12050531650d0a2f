import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { restoreCommand } from './restore-command.ts'

let root: string
let printed: string
let errors: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-command-'))
  mkdirSync(join(root, 'wal', '.walr'), { recursive: true })
  const identity = { systemIdentifier: '1', walSegmentSize: 1_048_576, serverVersion: '18.4' }
  writeFileSync(join(root, 'wal', '.walr', 'identity.json'), JSON.stringify(identity))
  writeFileSync(join(root, 'wal', '00000002.history'), '1\t0/74FE98\tx\n')
  printed = ''
  errors = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})

const run = (argv: readonly string[], environment: Record<string, string> = {}): Promise<number> =>
  restoreCommand(argv, {
    environment,
    workingDirectory: root,
    writeOutput: (text) => void (printed += text),
    signal: new AbortController().signal,
  })

describe('restore-command', () => {
  it('exits with 0 and says nothing when the file was delivered, relative to the working directory', async () => {
    expect(await run(['-D', 'wal', '00000002.history', 'RECOVERYHISTORY'])).toBe(0)
    expect(existsSync(join(root, 'RECOVERYHISTORY'))).toBe(true)
    expect(printed + errors).toBe('')
    const argv = ['-D', 'wal', '00000002.history', 'again']
    expect(await run(argv, { WALR_RESTORE_DELIVERED_STATUS: '78' })).toBe(78)
  })

  it('exits with 1 when the file is certainly absent, or with the number that the wrapper asks for', async () => {
    const argv = ['-D', 'wal', '00000003.history', 'RECOVERYHISTORY']
    expect(await run(argv)).toBe(1)
    expect(await run(argv, { WALR_RESTORE_ABSENT_STATUS: '79' })).toBe(79)
    for (const wrong of ['0', '', 'x', '-1', '256'])
      expect(await run(argv, { WALR_RESTORE_ABSENT_STATUS: wrong })).toBe(1)
    expect(printed + errors).toBe('')
  })

  it.each([
    ['no arguments', [], 'needs two arguments'],
    ['a name that is no WAL file', ['-D', 'wal', 'passwd', 'p'], '"passwd" is not the name'],
    ['no directory named', ['00000002.history', 'p'], 'no receive directory specified'],
    ['two sources named', ['-D', 'wal', '--serve-addr', 'http://127.0.0.1:1', '00000002.history', 'p'], 'as well'],
    ['a missing directory', ['-D', 'gone', '00000003.history', 'p'], 'could not read directory'],
    ['a missing configuration', ['--config', 'gone.yaml', '00000003.history', 'p'], 'could not load configuration'],
    ['a target that cannot be written', ['-D', 'wal', '00000002.history', 'no/p'], 'could not write file'],
  ])('exits with 255 for %s, with an error and perhaps a hint', async (_what, argv, text) => {
    const numbers = { WALR_RESTORE_DELIVERED_STATUS: '78', WALR_RESTORE_ABSENT_STATUS: '79' }
    expect(await run(argv, numbers)).toBe(255)
    expect(errors).toMatch(/^walr: error: [^\n]*\n(walr: hint: [^\n]*\n)?$/)
    expect(errors).toContain(text)
  })

  it('prints its help on standard output', async () => {
    expect(await run(['--help'])).toBe(0)
    expect(await run(['--help'], { WALR_RESTORE_DELIVERED_STATUS: '78' })).toBe(78)
    expect(printed).toMatch(/Exit status:\n {2}0 .*\n {2}1 .*\n {2}255 /)
    expect(errors).toBe('')
  })
})
