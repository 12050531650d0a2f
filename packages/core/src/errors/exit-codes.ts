/**
 * Exit codes of the commands; `docs/errors.md` shows the table. `restore-command` has a table of its own, because
 * PostgreSQL reads meaning into its codes (manual, section "Recovering Using a Continuous Archive Backup").
 */
export const EXIT_CODES = {
  success: 0,
  /** Bad arguments, a fatal error, or a lost stream with `--no-loop`; the same code as pg_receivewal's. */
  failure: 1,
  /** `wal verify`: all WAL is there and good, but something deserves a look, such as a recorded gap. */
  warning: 2,
  /** WAL is missing between what walr has and what the server can still send; a new base backup is needed. */
  gap: 3,
  /** `wal verify`: WAL is there that is damaged, of another cluster, or cannot be decrypted. */
  damaged: 4,
} as const

/** Exit codes of `restore-command` (law 2). PostgreSQL takes 1 to 125 as "end of WAL" and stops with FATAL above. */
export const RESTORE_EXIT_CODES = {
  delivered: 0,
  certainlyAbsent: 1,
  anythingElse: 255,
} as const
