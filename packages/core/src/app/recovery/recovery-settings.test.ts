import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { parseRestoreArguments } from '../../restore/restore-arguments.ts'
import { recoverySettings, type RecoverySettings } from './recovery-settings.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-settings-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function settings(
  argv: readonly string[],
  environment: Record<string, string> = {},
  target = 'pg_wal/RECOVERYXLOG',
): Promise<RecoverySettings> {
  const options = parseRestoreArguments([...argv, '000000010000000000000001', target])
  if (options.help) throw new Error('not expected')
  return recoverySettings(options, { disk: nodeDisk, environment, workingDirectory: root })
}

function control(directory: string, systemIdentifier: bigint): void {
  mkdirSync(join(directory, 'global'), { recursive: true })
  const bytes = Buffer.alloc(8192)
  bytes.writeBigUInt64LE(systemIdentifier)
  writeFileSync(join(directory, 'global', 'pg_control'), bytes)
}

const plain = { archiveOnly: false, timeoutMs: 60_000 }

describe('where WAL comes from', () => {
  it('is what the command line says before the environment, with absolute paths', async () => {
    const environment = { WALR_RECEIVE_DIRECTORY: '/environment/wal', WALR_CONFIG: '/environment/walr.yaml' }
    const both = { directory: '/environment/wal', configPath: '/environment/walr.yaml' }
    expect(await settings([], environment)).toEqual({ ...plain, ...both })
    expect(await settings(['-D', 'wal'], environment)).toEqual({ ...plain, ...both, directory: join(root, 'wal') })
    expect(await settings(['--config', 'w.yaml'], {})).toEqual({ ...plain, configPath: join(root, 'w.yaml') })
    expect(await settings(['-D', '../wal'], {})).toEqual({ ...plain, directory: join(root, '..', 'wal') })
  })

  it('is another walr alone when that is named', async () => {
    const serve = { url: 'http://wal:7070', tokenFile: join(root, 'token') }
    const argv = ['--serve-addr', 'http://wal:7070', '--serve-token-file', 'token']
    expect(await settings(argv, { WALR_CONFIG: '/c', WALR_RECEIVE_DIRECTORY: '/d' })).toEqual({ ...plain, serve })
    const environment = { WALR_SERVE_ADDR: 'http://wal:7070', WALR_SERVE_TOKEN_FILE: 'token' }
    expect(await settings([], environment)).toEqual({ ...plain, serve })
    expect(await settings(['-D', '/wal'], environment)).toEqual({ ...plain, directory: '/wal' })
  })

  it('leaves the receive directory of the environment alone with --archive-only', async () => {
    const environment = { WALR_RECEIVE_DIRECTORY: '/wal' }
    const expected = { ...plain, archiveOnly: true, configPath: '/c' }
    expect(await settings(['--archive-only', '--config', '/c'], environment)).toEqual(expected)
  })

  it.each([
    ['nobody names anything', [], {}],
    ['the directory is empty', ['-D', ''], {}],
    ['the configuration is empty', ['--config', ''], {}],
    ['the environment is empty', [], { WALR_RECEIVE_DIRECTORY: '', WALR_CONFIG: '', WALR_SERVE_ADDR: '' }],
    ['two ways are named', ['--serve-addr', 'http://h', '-D', '/wal'], {}],
    ['the environment names two ways', [], { WALR_SERVE_ADDR: 'http://h', WALR_CONFIG: '/c' }],
    ['an archive is asked for without a configuration', ['--archive-only'], { WALR_RECEIVE_DIRECTORY: '/wal' }],
    ['an archive only is asked for, and a directory', ['--archive-only', '-D', '/wal', '--config', '/c'], {}],
    ['another walr only is asked for an archive', ['--archive-only', '--serve-addr', 'http://h'], {}],
    ['options of another walr come alone', ['-D', '/wal', '--serve-token-file', 't'], {}],
  ])('is refused when %s', async (_what, argv, environment) => {
    await expect(settings(argv, environment)).rejects.toMatchObject({ code: 'WALR_USAGE' })
  })
})

describe('whose WAL is wanted', () => {
  it('says the data directory in which PostgreSQL runs the command', async () => {
    control(root, 7_710_454_860_644_512_687n)
    expect(await settings(['-D', '/wal'])).toMatchObject({ systemIdentifier: '7710454860644512687' })
  })

  it('says the data directory of the target, which is all that pg_rewind names', async () => {
    const data = join(root, 'data')
    control(data, 18_446_744_073_709_551_615n)
    const target = join(data, 'pg_wal', '000000010000000000000001')
    expect(await settings(['-D', '/wal'], {}, target)).toMatchObject({ systemIdentifier: '18446744073709551615' })
    expect(await settings(['-D', '/wal'], {}, join(root, 'elsewhere', 'x'))).not.toHaveProperty('systemIdentifier')
  })

  it('says the option where there is no data directory, and never against one', async () => {
    expect(await settings(['-D', '/wal', '--system-identifier=007'])).toMatchObject({ systemIdentifier: '7' })
    control(root, 7n)
    expect(await settings(['-D', '/wal', '--system-identifier=007'])).toMatchObject({ systemIdentifier: '7' })
    const refused = settings(['-D', '/wal', '--system-identifier=8'])
    await expect(refused).rejects.toMatchObject({ code: 'WALR_WRONG_CLUSTER' })
  })

  it('says nobody when pg_control cannot be read: that is an error', async () => {
    mkdirSync(join(root, 'global'))
    writeFileSync(join(root, 'global', 'pg_control'), 'short')
    await expect(settings(['-D', '/wal'])).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })
})
