/** What `walr archive-command --help` prints. */
export const ARCHIVE_COMMAND_HELP = `walr archive-command stores a file of PostgreSQL's pg_wal in the archive.

Usage:
  walr archive-command [OPTION]... %p

In postgresql.conf:
  archive_command = 'walr archive-command --config /etc/walr/walr.config.yaml "%p"'

Options:
      --config=FILE          configuration file with the archive
      --timeout=DURATION     how long an outage of the storage is waited for (default: 60s)
  -j, --jobs=NUMBER          files that are archived at the same time, those included that
                             PostgreSQL will ask for next (default: 4)
  -v, --verbose              say more on standard error; twice for still more
  -h, --help                 show this help, then exit

Environment:
  WALR_CONFIG                the configuration file, when --config is not given

Exit status:
  0  the storage has confirmed the file
  1  anything else: PostgreSQL keeps the file, and tries again
`
