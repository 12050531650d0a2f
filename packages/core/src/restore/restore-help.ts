/** What `walr restore-command --help` prints. */
export const RESTORE_HELP = `walr restore-command gives PostgreSQL a WAL file, from a receive directory, an archive, or another walr.

Usage:
  walr restore-command [OPTION]... %f %p

In postgresql.conf:
  restore_command = 'walr restore-command --config FILE %f "%p"'

Sources, the freshest first:
      --config=FILE          configuration file: its receive directory, then its archive
  -D, --directory=DIRECTORY  the receive directory, instead of that of the configuration
      --archive-only         do not look at the receive directory: it is on another machine
      --serve-addr=URL       another walr ("walr serve", or "walr receive" with http), and nothing else
      --serve-token-file=FILE  the token for it
      --serve-ca=FILE        the authorities that its certificate is checked with
      --serve-cert=FILE, --serve-key=FILE  a certificate to show to it, and its key

Options:
      --partial=auto|never   whether the unfinished newest segment is given, too (default: auto)
      --no-partial           same as --partial=never
      --at-gap=stop|end      whether a segment that is missing before later ones stops PostgreSQL or ends its recovery
                             (default: stop; end for a standby, and where pg_wal has the segment)
      --timeout=DURATION     how long an outage is waited for before PostgreSQL is stopped (default: 60s)
      --unavailable=fail|retry  with "retry" an outage or a refusal is waited for without an end, for standbys
      --prefetch=SIZE        how much is fetched ahead for PostgreSQL (default: 256MB); 0 for nothing
      --system-identifier=N  whose WAL is wanted, where no data directory says it
  -v, --verbose              say more on standard error
  -h, --help                 show this help, then exit

Environment:
  WALR_CONFIG                the configuration file, when --config is not given
  WALR_RECEIVE_DIRECTORY     the receive directory, when -D is not given
  WALR_SERVE_ADDR            the other walr, when --serve-addr is not given
  WALR_SERVE_TOKEN_FILE      its token, when --serve-token-file is not given

Exit status:
  0    the file was delivered
  1    no source has the file, which is certain: end of WAL for PostgreSQL
  255  anything else: PostgreSQL stops, and loses nothing
`
