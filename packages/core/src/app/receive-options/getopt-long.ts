import { WalrError } from '../../errors/walr-error.ts'
import { nearestName } from '../../plugins/contract/nearest-name.ts'

/** One option as getopt_long(3) knows it. */
export interface OptionName {
  /** Long name without the dashes. */
  readonly name: string
  /** The letter behind one dash. */
  readonly letter?: string
  readonly takesValue: boolean
  /** True: the long name is not understood when it is shortened. */
  readonly wholeNameOnly?: boolean
}

/** What stands on a command line: an option with its value (`''` when it takes none), or an operand. */
export type CommandLinePart =
  | { readonly kind: 'option'; readonly name: string; readonly value: string }
  | { readonly kind: 'operand'; readonly value: string }

/**
 * Reads a command line as getopt_long(3) of the GNU C library does, so that whatever works with PostgreSQL's programs
 * works here: `-nvS name`, `-Sname`, `--slot=name`, `--slot name`, `--sl name` where no other option starts so, negative
 * values, operands between options, and `--`, behind which all is operands. Parts come one by one in their order, so that
 * the caller's own checks happen before the faults further right.
 * @throws WalrError WALR_USAGE with getopt's message; the hint names the nearest option.
 */
export function* getoptLong(
  argv: readonly string[],
  options: readonly OptionName[],
): Generator<CommandLinePart, void, undefined> {
  const rest = argv[Symbol.iterator]()
  for (const argument of rest) {
    if (argument === '--') {
      for (const value of rest) yield { kind: 'operand', value }
    } else if (argument.startsWith('--')) {
      yield longOption(argument, rest, options)
    } else if (argument.startsWith('-') && argument !== '-') {
      yield* bundle(argument.slice(1), rest, options)
    } else {
      yield { kind: 'operand', value: argument }
    }
  }
}

function longOption(
  argument: string,
  rest: Iterator<string>,
  options: readonly OptionName[],
): CommandLinePart & { kind: 'option' } {
  const equals = argument.indexOf('=')
  const given = equals < 0 ? argument.slice(2) : argument.slice(2, equals)
  const { name, takesValue } = findLong(given, argument, options)
  if (!takesValue) {
    if (equals >= 0) throw usageError(`option '--${name}' doesn't allow an argument`)
    return { kind: 'option', name, value: '' }
  }
  if (equals >= 0) return { kind: 'option', name, value: argument.slice(equals + 1) }
  const next = rest.next()
  if (next.done === true) throw usageError(`option '--${name}' requires an argument`)
  return { kind: 'option', name, value: next.value }
}

/** An exact name wins over the longer names that begin with it. */
function findLong(given: string, argument: string, options: readonly OptionName[]): OptionName {
  const exact = options.find(({ name }) => name === given)
  if (exact) return exact
  const candidates = options.filter(({ name, wholeNameOnly }) => wholeNameOnly !== true && name.startsWith(given))
  const [first, second] = candidates
  if (!first) {
    const nearest = nearestName(
      given,
      options.map(({ name }) => name),
    )
    throw usageError(`unrecognized option '${argument}'`, nearest && `--${nearest}`)
  }
  if (second) {
    const possibilities = candidates.map(({ name }) => `'--${name}'`).join(' ')
    throw usageError(`option '${argument}' is ambiguous; possibilities: ${possibilities}`)
  }
  return first
}

/** `letters` may end with a value: `-nSname` is `-n -S name`. */
function* bundle(
  letters: string,
  rest: Iterator<string>,
  options: readonly OptionName[],
): Generator<CommandLinePart, void, undefined> {
  for (let index = 0; index < letters.length; index++) {
    const letter = letters.charAt(index)
    const option = options.find((candidate) => candidate.letter === letter)
    if (!option) throw usageError(`invalid option -- '${letter}'`, nearestLong(letters, options))
    if (!option.takesValue) {
      yield { kind: 'option', name: option.name, value: '' }
      continue
    }
    let value = letters.slice(index + 1)
    if (value === '') {
      const next = rest.next()
      if (next.done === true) throw usageError(`option requires an argument -- '${letter}'`)
      value = next.value
    }
    yield { kind: 'option', name: option.name, value }
    return
  }
}

/** `-slot` with one dash is read as letters; the one who typed it meant the long option. */
function nearestLong(letters: string, options: readonly OptionName[]): string | undefined {
  return options.some(({ name }) => name === letters) ? `--${letters}` : undefined
}

/** The hint's second sentence is that of all PostgreSQL client programs. */
export function usageError(message: string, suggestion?: string): WalrError {
  const help = 'Try "walr receive --help" for more information.'
  const hint = suggestion === undefined ? help : `Did you mean "${suggestion}"? ${help}`
  return new WalrError('WALR_USAGE', message, { hint })
}
