import type { OptionName } from './getopt-long.ts'

/** One option of `walr receive`: what the parser, the help and the shell's completion need. */
export interface ReceiveOption extends OptionName {
  /** What the help calls the value. */
  readonly valueName?: string
  readonly group: 'general' | 'connection' | 'action' | 'walr'
  readonly description: string
}

/**
 * All options, pg_receivewal's first and in the order of its table (`long_options` in `pg_receivewal.c`): it is the order
 * in which the possibilities of an ambiguous option are printed.
 */
export const RECEIVE_OPTIONS: readonly ReceiveOption[] = [
  option('help', '?', undefined, 'general', 'show this help, then exit'),
  option('version', 'V', undefined, 'general', 'output version information, then exit'),
  option('directory', 'D', 'DIR', 'general', 'receive write-ahead log files into this directory, which must exist'),
  option('dbname', 'd', 'CONNSTR', 'connection', 'connection string or URI'),
  option('endpos', 'E', 'LSN', 'general', 'exit after receiving the specified LSN'),
  option('host', 'h', 'HOSTNAME', 'connection', 'database server host or socket directory'),
  option('port', 'p', 'PORT', 'connection', 'database server port number'),
  option('username', 'U', 'NAME', 'connection', 'connect as specified database user'),
  option('no-loop', 'n', undefined, 'general', 'do not loop on connection lost'),
  option('no-password', 'w', undefined, 'connection', 'never prompt for password'),
  option('password', 'W', undefined, 'connection', 'force password prompt (should happen automatically)'),
  option(
    'status-interval',
    's',
    'SECS',
    'general',
    'time between status packets sent to server (default: 10, none: 0)',
  ),
  option('slot', 'S', 'SLOTNAME', 'general', 'replication slot to use'),
  option('verbose', 'v', undefined, 'general', 'output verbose messages; given twice, all of them'),
  option(
    'compress',
    'Z',
    'METHOD[:DETAIL]',
    'general',
    'compress finished segments: gzip, lz4, zstd or none, with level and options',
  ),
  option(
    'create-slot',
    undefined,
    undefined,
    'action',
    "create a new replication slot (for the slot's name see --slot)",
  ),
  option('drop-slot', undefined, undefined, 'action', "drop the replication slot (for the slot's name see --slot)"),
  option('if-not-exists', undefined, undefined, 'general', 'do not error if slot already exists when creating a slot'),
  option(
    'synchronous',
    undefined,
    undefined,
    'general',
    'flush write-ahead log immediately after writing (walr does so by default)',
  ),
  option('no-sync', undefined, undefined, 'general', 'do not wait for changes to be written safely to disk'),
  option(
    'flush',
    undefined,
    'WHEN',
    'walr',
    'batch: flush and acknowledge all that has arrived (default); segment: finished segments only',
  ),
  option('accept-gap', undefined, undefined, 'walr', 'go on behind a gap in the WAL instead of stopping before it'),
  // Shortened, it would make "--c" and "--co" ambiguous that pg_receivewal understands.
  option(
    'config',
    undefined,
    'FILE',
    'walr',
    'configuration file; without it and without --directory, walr.config.* in the working directory',
    true,
  ),
  option('log-format', undefined, 'FORMAT', 'walr', 'text (default) or json'),
]

function option(
  name: string,
  letter: string | undefined,
  valueName: string | undefined,
  group: ReceiveOption['group'],
  description: string,
  wholeNameOnly = false,
): ReceiveOption {
  return {
    name,
    takesValue: valueName !== undefined,
    group,
    description,
    ...(wholeNameOnly && { wholeNameOnly }),
    ...(letter !== undefined && { letter }),
    ...(valueName !== undefined && { valueName }),
  }
}
