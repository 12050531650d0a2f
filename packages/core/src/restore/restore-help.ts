/** What `walr restore-command --help` prints. */
export const RESTORE_HELP = `walr restore-command gives PostgreSQL a WAL file out of a receive directory.

Usage:
  walr restore-command [OPTION]... %f %p

In postgresql.conf:
  restore_command = 'walr restore-command -D DIRECTORY %f "%p"'

Options:
  -D, --directory=DIRECTORY  the receive directory
      --config=FILE          configuration file that names it (receive.directory)
      --partial=auto|never   whether the unfinished newest segment is given, too (default: auto)
      --no-partial           same as --partial=never
  -v, --verbose              say more on standard error
  -h, --help                 show this help, then exit

Environment:
  WALR_RECEIVE_DIRECTORY     the receive directory, when -D is not given
  WALR_CONFIG                the configuration file, when --config is not given

Exit status:
  0    the file was delivered
  1    the directory certainly does not have the file: end of WAL for PostgreSQL
  255  anything else: PostgreSQL stops, and loses nothing
`
