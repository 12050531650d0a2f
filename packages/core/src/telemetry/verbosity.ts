/** How much is logged: 0 errors, warnings and notices; 1 (`--verbose`) information; 2 (given twice) all. */
export type Verbosity = 0 | 1 | 2

/** The verbosity for `--verbose` given `count` times. */
export function toVerbosity(count: number): Verbosity {
  if (count >= 2) return 2
  return count === 1 ? 1 : 0
}
