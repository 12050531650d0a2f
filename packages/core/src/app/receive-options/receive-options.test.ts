import { describe, expect, it } from 'vitest'
import { parseLsn } from '../../wal/lsn.ts'
import type { ReceiveOptions } from './receive-options.ts'
import { parseReceiveOptions, readLogSettings } from './receive-options.ts'

function parse(...argv: string[]): ReceiveOptions {
  const options = parseReceiveOptions(argv)
  if (options === 'help' || options === 'version') throw new Error(`unexpected: ${options}`)
  return options
}

const usage = (message: string) => expect.objectContaining({ code: 'WALR_USAGE', message }) as unknown
const helpHint = 'Try "walr receive --help" for more information.'

describe('the options of walr receive', () => {
  it('have the defaults of pg_receivewal, but for the flush', () => {
    expect(parse('-D', 'dir')).toEqual({
      action: 'receive',
      directory: 'dir',
      endpos: undefined,
      loop: true,
      statusIntervalMs: 10_000,
      slot: undefined,
      ifNotExists: false,
      flush: 'batch',
      sync: true,
      compression: { method: 'none' },
      verbosity: 0,
      logFormat: 'text',
      acceptGap: false,
      connection: {
        connectionString: undefined,
        host: undefined,
        port: undefined,
        user: undefined,
        prompt: 'when-asked',
      },
      createSlot: false,
      guardSlot: undefined,
      archive: undefined,
      http: undefined,
    })
  })

  it('are all understood', () => {
    const argv =
      '-D dir -E 16/B374D848 -n -s 3 -S slot -vv -Z gzip:4 -d service=x -h host -p 5433 -U user -w --synchronous'
    expect(parse(...argv.split(' '), '--accept-gap', '--flush=batch', '--log-format=json')).toEqual({
      action: 'receive',
      directory: 'dir',
      endpos: parseLsn('16/B374D848'),
      loop: false,
      statusIntervalMs: 3000,
      slot: 'slot',
      ifNotExists: false,
      flush: 'batch',
      sync: true,
      compression: { method: 'gzip', level: 4 },
      verbosity: 2,
      logFormat: 'json',
      acceptGap: true,
      connection: { connectionString: 'service=x', host: 'host', port: '5433', user: 'user', prompt: 'never' },
      createSlot: false,
      guardSlot: undefined,
      archive: undefined,
      http: undefined,
    })
    expect(parse('-D', 'd', '--no-sync').sync).toBe(false)
    expect(parse('-D', 'd', '--flush', 'segment').flush).toBe('segment')
    expect(parse('-D', 'd', '-W').connection.prompt).toBe('always')
  })

  it('need no directory for an action on a slot, and take one', () => {
    expect(parse('--create-slot', '-S', 's', '--if-not-exists')).toMatchObject({
      action: 'create-slot',
      slot: 's',
      ifNotExists: true,
      directory: undefined,
    })
    expect(parse('--drop-slot', '-S', 's', '-D', 'd')).toMatchObject({ action: 'drop-slot', directory: 'd' })
  })

  it('are overruled by later ones of the same kind', () => {
    expect(parse('-D', 'a', '-D', 'b', '-s1', '-s2', '-E1/1', '-E0/0', '-w', '-W')).toMatchObject({
      directory: 'b',
      statusIntervalMs: 2000,
      endpos: undefined,
      connection: { prompt: 'always' },
    })
    expect(parse('-D', 'a', '-W', '-w').connection.prompt).toBe('never')
  })

  it.each([
    [['--help'], 'help'],
    [['-?'], 'help'],
    [['-n', '--help'], 'help'],
    [['--he', '--foo'], 'help'],
    [['-V'], 'version'],
    [['--version'], 'version'],
    [['-nV'], 'version'],
  ])('%j asks for the %s', (argv, answer) => {
    expect(parseReceiveOptions(argv)).toBe(answer)
  })
})

describe('a wrong command line', () => {
  it.each([
    [[], 'no target directory specified'],
    [['-D', 'd', 'x', 'y'], 'too many command-line arguments (first is "x")'],
    [['--', '-D'], 'too many command-line arguments (first is "-D")'],
    [[''], 'too many command-line arguments (first is "")'],
    [['--create-slot', '--drop-slot'], 'cannot use --create-slot together with --drop-slot'],
    [['--create-slot'], '--create-slot needs a slot to be specified using --slot'],
    [['--drop-slot'], '--drop-slot needs a slot to be specified using --slot'],
    [['--synchronous', '--no-sync'], 'cannot use --synchronous together with --no-sync'],
    [['--foo'], "unrecognized option '--foo'"],
    [['--no'], "option '--no' is ambiguous; possibilities: '--no-loop' '--no-password' '--no-sync'"],
    [['--s'], "option '--s' is ambiguous; possibilities: '--status-interval' '--slot' '--synchronous'"],
    [['--h'], "option '--h' is ambiguous; possibilities: '--help' '--host'"],
    [['--flush=segment', '--no-sync', '-D', 'd'], 'cannot use --flush together with --no-sync'],
    [['--flush=segment', '--synchronous', '-D', 'd'], 'cannot use --synchronous together with --flush=segment'],
    [['--flush=x', '-D', 'd'], 'invalid value "x" for option --flush: it must be "batch" or "segment"'],
    [['--log-format=x', '-D', 'd'], 'invalid value "x" for option --log-format: it must be "text" or "json"'],
    [['--slot=', '--create-slot'], 'the name of the replication slot given with --slot is empty'],
  ])('%j is refused with the hint to look at the help', (argv, message) => {
    expect(() => parse(...argv)).toThrow(usage(message))
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ hint: expect.stringContaining(helpHint) as string }))
  })

  it.each([
    [['-E', 'x'], 'could not parse end position "x"'],
    [['-E', ''], 'could not parse end position ""'],
    [['-E', '1/2junk'], 'could not parse end position "1/2junk"'],
    [['-E', '123456789/0'], 'could not parse end position "123456789/0"'],
    [['-s', 'abc'], 'invalid value "abc" for option -s/--status-interval'],
    [['-s', ''], 'invalid value "" for option -s/--status-interval'],
    [['-s', '1e3'], 'invalid value "1e3" for option -s/--status-interval'],
    [['-s', '0x10'], 'invalid value "0x10" for option -s/--status-interval'],
    [['-s', '-1'], '-s/--status-interval must be in range 0..2147483'],
    [['-s', '2147484'], '-s/--status-interval must be in range 0..2147483'],
    [['-s', '99999999999999999999'], '-s/--status-interval must be in range 0..2147483'],
    [['-D', 'd', '-Z', 'foo'], 'unrecognized compression algorithm: "foo"'],
    [
      ['-D', 'd', '-Z', '10'],
      'invalid compression specification: compression algorithm "gzip" expects a compression level between 1 and 9 (default at -1)',
    ],
  ])('%j is refused for its value', (argv, message) => {
    expect(() => parse(...argv)).toThrow(usage(message))
  })

  it.each([
    [['-E', 'x', '--foo'], 'could not parse end position "x"'],
    [['--foo', '-E', 'x'], "unrecognized option '--foo'"],
    [['operand', '-s', 'x'], 'invalid value "x" for option -s/--status-interval'],
    [['operand', '--create-slot', '--drop-slot'], 'too many command-line arguments (first is "operand")'],
    [['--create-slot', '--synchronous', '--no-sync'], '--create-slot needs a slot to be specified using --slot'],
    [['--synchronous', '--no-sync', '-Z', 'foo'], 'cannot use --synchronous together with --no-sync'],
    [['-Z', 'foo'], 'no target directory specified'],
  ])('%j is refused for the fault that pg_receivewal finds first', (argv, message) => {
    expect(() => parse(...argv)).toThrow(usage(message))
  })

  it.each([
    [[' 5'], 5000],
    [['5 '], 5000],
    [['+5'], 5000],
    [['0'], 0],
    [['-0'], 0],
    [['2147483'], 2_147_483_000],
  ])('is none with the status interval %j', ([text], expected) => {
    expect(parse('-D', 'd', '-s', text ?? '').statusIntervalMs).toBe(expected)
  })

  it('is reported in the format that it asks for', () => {
    expect(readLogSettings(['-v', '--log-format', 'json', '--foo', '-v'])).toEqual({ verbosity: 1, logFormat: 'json' })
    expect(readLogSettings(['--foo', '--log-format', 'json'])).toEqual({ verbosity: 0, logFormat: 'text' })
    expect(readLogSettings(['-vvv', 'x', '--log-format', 'odd'])).toEqual({ verbosity: 2, logFormat: 'text' })
  })
})
