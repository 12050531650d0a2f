import { WalrError } from '../../errors/walr-error.ts'
import type { Lsn } from '../../wal/lsn.ts'
import { INVALID_LSN, parseLsn } from '../../wal/lsn.ts'
import { usageError } from './getopt-long.ts'

/** Beyond this the interval in milliseconds does not fit into pg_receivewal's int. */
const MAX_STATUS_INTERVAL_SECONDS = 2_147_483

/**
 * The value of `--endpos`; `0/0` is no end, as in pg_receivewal. Anything behind the LSN is refused, which pg_receivewal
 * passes over in silence.
 */
export function parseEndPosition(text: string): Lsn | undefined {
  const lsn = parseLsn(text)
  if (lsn === undefined) {
    throw new WalrError('WALR_USAGE', `could not parse end position "${text}"`, {
      hint: 'A position is two hexadecimal numbers of up to eight digits, separated by a slash, such as "16/B374D848".',
    })
  }
  return lsn === INVALID_LSN ? undefined : lsn
}

/**
 * The value of `--status-interval`, in milliseconds.
 * @see `option_parse_int` in `src/fe_utils/option_utils.c`
 */
export function parseStatusInterval(text: string): number {
  const name = '-s/--status-interval'
  if (!/^\s*[+-]?[0-9]+\s*$/.test(text)) {
    throw new WalrError('WALR_USAGE', `invalid value "${text}" for option ${name}`, {
      hint: 'The interval is a whole number of seconds.',
    })
  }
  const seconds = Number(text)
  if (seconds < 0 || seconds > MAX_STATUS_INTERVAL_SECONDS) {
    throw new WalrError('WALR_USAGE', `${name} must be in range 0..${MAX_STATUS_INTERVAL_SECONDS}`)
  }
  return Math.abs(seconds) * 1000
}

/** A value that must be one of `choices`. */
export function parseChoice<Choice extends string>(
  optionName: string,
  text: string,
  choices: readonly [Choice, Choice],
): Choice {
  const choice = choices.find((candidate) => candidate === text)
  if (choice === undefined) {
    throw usageError(`invalid value "${text}" for option ${optionName}: it must be "${choices.join('" or "')}"`)
  }
  return choice
}
