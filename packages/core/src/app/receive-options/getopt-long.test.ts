import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { getoptLong } from './getopt-long.ts'

const options = [
  { name: 'directory', letter: 'D', takesValue: true },
  { name: 'no-loop', letter: 'n', takesValue: false },
  { name: 'no-sync', takesValue: false },
  { name: 'slot', letter: 'S', takesValue: true },
  { name: 'slot-size', takesValue: true },
  { name: 'verbose', letter: 'v', takesValue: false },
  { name: 'compress', letter: 'Z', takesValue: true },
]

/** `name=value` for options, the plain text for operands. */
function read(...argv: string[]): string[] {
  return [...getoptLong(argv, options)].map((part) =>
    part.kind === 'operand' ? part.value : `${part.name}=${part.value}`,
  )
}

describe('a command line', () => {
  it.each([
    [['-D', 'dir'], ['directory=dir']],
    [['-Ddir'], ['directory=dir']],
    [['-D=dir'], ['directory==dir']],
    [
      ['-nvS', 'name'],
      ['no-loop=', 'verbose=', 'slot=name'],
    ],
    [['-nvSname'], ['no-loop=', 'verbose=', 'slot=name']],
    [['-vv'], ['verbose=', 'verbose=']],
    [['--directory', 'dir'], ['directory=dir']],
    [['--directory=dir'], ['directory=dir']],
    [['--directory='], ['directory=']],
    [['--directory=a=b'], ['directory=a=b']],
    [['--dir', 'x'], ['directory=x']],
    [['--dir=x'], ['directory=x']],
    [['--slot', 'x'], ['slot=x']],
    [['--slot-', 'x'], ['slot-size=x']],
    [['--no-s'], ['no-sync=']],
    [['-Z', '-1'], ['compress=-1']],
    [['-Z-1'], ['compress=-1']],
    [['--compress', '-1'], ['compress=-1']],
    [['-D', '--'], ['directory=--']],
    [['--directory', '--verbose'], ['directory=--verbose']],
    [['-D', ''], ['directory=']],
    [
      ['a', '-v', 'b'],
      ['a', 'verbose=', 'b'],
    ],
    [['-'], ['-']],
    [[''], ['']],
    [
      ['-v', '--', '-D', '--x', '--'],
      ['verbose=', '-D', '--x', '--'],
    ],
    [[], []],
  ])('%j is read as getopt_long reads it', (argv, parts) => {
    expect(read(...argv)).toEqual(parts)
  })

  it.each([
    [['--foo'], "unrecognized option '--foo'"],
    [['--foo=bar'], "unrecognized option '--foo=bar'"],
    [['---verbose'], "unrecognized option '---verbose'"],
    [['-x'], "invalid option -- 'x'"],
    [['-vx'], "invalid option -- 'x'"],
    [['-v=3'], "invalid option -- '='"],
    [['-D'], "option requires an argument -- 'D'"],
    [['-vD'], "option requires an argument -- 'D'"],
    [['--directory'], "option '--directory' requires an argument"],
    [['--dir'], "option '--directory' requires an argument"],
    [['--verbose=1'], "option '--verbose' doesn't allow an argument"],
    [['--no-l=1'], "option '--no-loop' doesn't allow an argument"],
    [['--no'], "option '--no' is ambiguous; possibilities: '--no-loop' '--no-sync'"],
    [['--slo', 'x'], "option '--slo' is ambiguous; possibilities: '--slot' '--slot-size'"],
    [['--no=x'], "option '--no=x' is ambiguous; possibilities: '--no-loop' '--no-sync'"],
  ])('%j is refused in the words of getopt_long', (argv, message) => {
    expect(() => read(...argv)).toThrow(
      expect.objectContaining({
        code: 'WALR_USAGE',
        message,
        hint: expect.stringContaining('walr receive --help') as string,
      }),
    )
  })

  it.each([
    ['--directry', '"--directory"'],
    ['--verbsoe', '"--verbose"'],
    ['--compres=9x', undefined],
    ['--completely-different', undefined],
    ['-verbose', '"--verbose"'],
  ])('%s is answered with the nearest option, if one is near', (argument, suggestion) => {
    const hint = hintOf(() => read(argument, 'x'))
    if (suggestion === undefined) expect(hint ?? '').not.toContain('Did you mean')
    else expect(hint).toContain(`Did you mean ${suggestion}?`)
  })

  it('yields what stands before a fault, so that it can be checked first', () => {
    const parts = getoptLong(['-D', 'dir', '--foo'], options)
    expect(parts.next().value).toEqual({ kind: 'option', name: 'directory', value: 'dir' })
    expect(() => parts.next()).toThrow("unrecognized option '--foo'")
  })

  it('gives every value back as it was given, however it is attached', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(read('--directory', value)).toEqual([`directory=${value}`])
        expect(read(`--directory=${value}`)).toEqual([`directory=${value}`])
        expect(read('-D', value)).toEqual([`directory=${value}`])
        if (value !== '') expect(read(`-vD${value}`)).toEqual(['verbose=', `directory=${value}`])
        expect(read('--', value)).toEqual([value])
      }),
    )
  })
})

function hintOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    if (error instanceof Error && 'hint' in error && typeof error.hint === 'string') return error.hint
  }
  return undefined
}
