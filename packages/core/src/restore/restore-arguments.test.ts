import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { parseRestoreArguments } from './restore-arguments.ts'
import { parseWantedFile } from './wanted-file.ts'

const usage = expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_USAGE')) as Error
const both = ['000000010000000000000001', 'pg_wal/RECOVERYXLOG'] as const

describe('the command line of restore-command', () => {
  it('takes two arguments and has defaults for the rest', () => {
    expect(parseRestoreArguments(both)).toEqual({
      help: false,
      directory: undefined,
      configPath: undefined,
      archiveOnly: false,
      serve: { url: undefined, tokenFile: undefined, caFile: undefined, certFile: undefined, keyFile: undefined },
      partial: 'auto',
      timeoutMs: 60_000,
      unavailable: 'fail',
      prefetchBytes: 268_435_456,
      systemIdentifier: undefined,
      verbose: false,
      fileName: both[0],
      targetPath: both[1],
    })
  })

  it.each([
    [['-D', '/wal'], { directory: '/wal' }],
    [['-D/wal'], { directory: '/wal' }],
    [['--directory=/wal'], { directory: '/wal' }],
    [['--config', 'walr.yaml'], { configPath: 'walr.yaml' }],
    [['--no-partial'], { partial: 'never' }],
    [['--partial=never'], { partial: 'never' }],
    [['--partial=auto'], { partial: 'auto' }],
    [['-v'], { verbose: true }],
    [['--archive-only'], { archiveOnly: true }],
    [
      ['--serve-addr=http://h:1', '--serve-token-file=t', '--serve-ca=a', '--serve-cert=c', '--serve-key=k'],
      { serve: { url: 'http://h:1', tokenFile: 't', caFile: 'a', certFile: 'c', keyFile: 'k' } },
    ],
    [['--timeout=90'], { timeoutMs: 90_000 }],
    [['--timeout', '500ms'], { timeoutMs: 500 }],
    [['--unavailable=retry'], { unavailable: 'retry' }],
    [['--unavailable=fail'], { unavailable: 'fail' }],
    [['--prefetch=0'], { prefetchBytes: 0 }],
    [['--prefetch=1GB'], { prefetchBytes: 1_073_741_824 }],
    [['--prefetch=64MB'], { prefetchBytes: 67_108_864 }],
    [['--system-identifier=7710454860644512687'], { systemIdentifier: '7710454860644512687' }],
  ])('takes %j before and behind them', (options, expected) => {
    expect(parseRestoreArguments([...options, ...both])).toMatchObject(expected)
    expect(parseRestoreArguments([...both, ...options])).toMatchObject(expected)
  })

  it.each([['-h'], ['--help']])('asks for help with %s, whatever else is there', (option) => {
    expect(parseRestoreArguments([option])).toEqual({ help: true })
  })

  it.each([
    ['nothing', []],
    ['one argument', [both[0]]],
    ['an empty target', [both[0], '']],
    ['an empty name', ['', both[1]]],
    ['three arguments', [...both, 'more']],
    ['an unknown option', ['--unknown', ...both]],
    ['an option without its value', [...both, '-D']],
    ['a wrong value', ['--partial=sometimes', ...both]],
    ['a value where none belongs', ['--no-partial=yes', ...both]],
    ['a time without a unit that is known', ['--timeout=5w', ...both]],
    ['a time beyond all reason', ['--timeout=2d', ...both]],
    ['another way to wait', ['--unavailable=hope', ...both]],
    ['a size that is none', ['--prefetch=much', ...both]],
    ['a size beyond all reason', ['--prefetch=999999999999GB', ...both]],
    ['a system identifier that is none', ['--system-identifier=main', ...both]],
    ['a system identifier of more than 64 bits', ['--system-identifier=18446744073709551616', ...both]],
  ])('refuses %s', (_what, argv) => {
    expect(() => parseRestoreArguments(argv)).toThrow(usage)
  })
})

describe('the name that is asked for', () => {
  it.each([
    ['0000000A0000000100000002', 'segment'],
    ['0000000A.history', 'history'],
    ['0000000A0000000100000002.partial', 'partial'],
    ['0000000A0000000100000002.00000028.backup', 'backup-history'],
  ])('may be %s', (name, kind) => {
    expect(parseWantedFile(name)).toMatchObject({ kind, name })
  })

  it.each([
    '',
    '%f',
    '0000000a0000000100000002',
    '../0000000A0000000100000002',
    '0000000A0000000100000002.gz',
    '0000000A.partial',
    '00000000.history',
    '0000000A.history.gz',
    '0000000A0000000100000002.backup',
    'postgresql.conf',
  ])('may not be %j', (name) => {
    expect(() => parseWantedFile(name)).toThrow(usage)
  })
})
