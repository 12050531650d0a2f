/**
 * Every error of walr, in one table. `docs/errors.md` is generated from it and a test keeps both equal.
 * Codes are stable between major versions, message texts are not.
 */
export const ERROR_CODES = {
  WALR_USAGE: {
    meaning: 'The command line is wrong: an unknown option, a value out of range, options that exclude each other.',
    remedy: 'Read the message and the hint; `walr COMMAND --help` lists the options.',
  },
  WALR_CONFIG: {
    meaning: 'A configuration file, an environment variable or a value in one of them is wrong or cannot be read.',
    remedy: 'The message names the file or variable and the value received. Correct it there.',
  },
  WALR_CONNECTION_SETTING: {
    meaning: 'A PostgreSQL connection setting is unknown, has a wrong value, or does not go with another one.',
    remedy:
      'The message names the setting and where it came from: option, connection string, service file or environment.',
  },
  WALR_CONNECT_FAILED: {
    meaning:
      'No server could be reached: connection refused, host unknown, timeout, or the server is starting or full.',
    remedy: 'Check host, port and whether the server runs. `walr receive` tries again unless `--no-loop` is given.',
  },
  WALR_TLS_FAILED: {
    meaning:
      'The TLS handshake failed, a certificate was not accepted, or the server has no TLS and sslmode demands it.',
    remedy: 'Check sslmode, sslrootcert, sslcert and sslkey; the message says which check failed.',
  },
  WALR_AUTHENTICATION_FAILED: {
    meaning:
      'The server refused the login: wrong password, no pg_hba.conf entry for replication, missing REPLICATION right.',
    remedy:
      'Correct the password or the user, or add a `host replication USER ADDRESS scram-sha-256` line on the server.',
  },
  WALR_UNSUPPORTED_SERVER: {
    meaning:
      'The server is older than PostgreSQL 13, was built without integer datetimes, or asks for something walr lacks.',
    remedy: 'Use a server that is supported; the message names what was found.',
  },
  WALR_CONNECTION_LOST: {
    meaning: 'An established connection ended: the server went away, the network was cut, or the server fell silent.',
    remedy: 'Nothing, usually: walr connects again and continues where the last durable byte was.',
  },
  WALR_PROTOCOL: {
    meaning: 'The server sent bytes that the replication protocol does not allow here. Nothing of them was written.',
    remedy: 'walr connects again. When it repeats, check what stands between walr and the server, and report it.',
  },
  WALR_REPLICATION_COMMAND: {
    meaning: 'The server answered a replication command with an error; its SQLSTATE and message are in the text.',
    remedy: 'The message of the server says what to change: slot, timeline, wal_level, max_wal_senders.',
  },
  WALR_SLOT_MISSING: {
    meaning: 'The replication slot does not exist on the server.',
    remedy: 'Create it with `walr receive --slot NAME --create-slot`; until then the server keeps no WAL for walr.',
  },
  WALR_SLOT_INVALID: {
    meaning:
      'The replication slot has lost the WAL it had reserved, or has never reserved any and nobody can tell which.',
    remedy: 'Drop the slot and create it again, and take a new base backup if WAL is missing.',
  },
  WALR_WAL_GAP: {
    meaning:
      'The next byte of WAL needed is no longer on the server. WAL is missing between what walr has and what it can get.',
    remedy: 'Take a new base backup. Bring the missing segments into the directory if another copy exists.',
  },
  WALR_TIMELINE: {
    meaning:
      'The timelines of server and directory or archive do not fit: the server does not know the one that they are on, or has come another way.',
    remedy:
      'Make sure that walr talks to the right server, and that a standby it was promoted from is not used by mistake.',
  },
  WALR_SERVER_BEHIND: {
    meaning: 'The server has less WAL than the receive directory or the archive, on the same timeline.',
    remedy:
      'A lagging standby catches up, and walr goes on by itself. A server that was restored to an earlier moment needs a directory and a cluster name of its own.',
  },
  WALR_WRONG_CLUSTER: {
    meaning:
      'A directory, file or slot belongs to another cluster than the server: its system identifier is different.',
    remedy: 'Use an empty directory for each cluster. Nothing was written.',
  },
  WALR_WRONG_SEGMENT_SIZE: {
    meaning: 'The WAL segment size of the directory is not that of the server.',
    remedy: 'Use another directory: a cluster that was created anew or resized with pg_resetwal starts a new one.',
  },
  WALR_DIRECTORY: {
    meaning:
      'The receive directory does not exist, cannot be read or written, or holds something that walr cannot use.',
    remedy: 'Create it, or correct owner and mode; the message has the reason that the system gave.',
  },
  WALR_DIRECTORY_LOCKED: {
    meaning: 'Another walr is receiving into this directory, or changing the plugins of this data directory.',
    remedy: 'Stop the other one (its process id is in the message), or use another directory.',
  },
  WALR_SEGMENT_CONFLICT: {
    meaning:
      'A finished segment would replace a file of the same name with other contents, or the server has other WAL than walr where the two meet. Nothing is written over.',
    remedy:
      'Compare the two with pg_waldump. A server that was restored or copied needs a directory and a cluster name of its own.',
  },
  WALR_SEGMENT_CORRUPT: {
    meaning: 'A WAL file is damaged: wrong size, wrong page header, or a compressed file that does not decode.',
    remedy: 'Fetch the segment from another copy. walr does not hand it to PostgreSQL.',
  },
  WALR_WRITE_FAILED: {
    meaning: 'A file could not be written. Nothing that was not durable was acknowledged.',
    remedy: 'Check the disk; walr goes on by itself when there is room again.',
  },
  WALR_DISK_FULL: {
    meaning:
      'The file system of the receive directory has no room left. walr has stopped reading and keeps the connection.',
    remedy: 'Make room; walr goes on by itself. The server keeps the WAL as long as the slot allows.',
  },
  WALR_FSYNC_FAILED: {
    meaning:
      'The system could not make data durable. After that nothing on the page cache can be trusted, so walr stops.',
    remedy:
      'Check the disk and the kernel log, then start walr again: it fetches the open segment anew from the server.',
  },
  WALR_PLUGIN: {
    meaning:
      'A plugin cannot be used: not installed, written for another version of the contract, without the hook that the configuration asks of it, or failing while it is loaded.',
    remedy:
      'The message names the plugin and its entry in the configuration. Install or update it, or correct the entry.',
  },
  WALR_ARCHIVE_UNAVAILABLE: {
    meaning: 'The storage of the archive cannot be reached, or asks to be left alone for a while.',
    remedy:
      'Nothing, usually: WAL is kept where it is and archived when the storage is back. A recovery stops and loses nothing: start PostgreSQL again then.',
  },
  WALR_ARCHIVE_REFUSED: {
    meaning:
      'The storage refuses: no permission, no such bucket, no space, no archive there, or an answer that walr cannot make sense of.',
    remedy:
      'Correct permissions, quota or configuration. walr tries again slowly and keeps WAL locally until it goes well. A recovery stops and loses nothing.',
  },
  WALR_ARCHIVE_UNCONFIRMED: {
    meaning: 'The storage confirmed another size or checksum than that of the bytes sent. The local file stays.',
    remedy: 'Look for a proxy or a storage that alters data. The segment is tried again.',
  },
  WALR_ARCHIVE_CONFLICT: {
    meaning:
      'The archive has other WAL under the name of a segment, or another history of a timeline. The new one was put into quarantine there, and stays local too.',
    remedy:
      'Find out which is right (pg_waldump): two servers may be writing as one cluster, or a standby was split off.',
  },
  WALR_ARCHIVE_REPLACED: {
    meaning: 'The archive was begun anew since the receive directory was archived to it, or is another one.',
    remedy:
      'If that is on purpose, take a new base backup. If not, look whether the volume is mounted and the bucket the right one. A recovery does not take its word for what is missing.',
  },
  WALR_ARCHIVE_WRONG_CLUSTER: {
    meaning:
      "The archive's identity is not that of the receive directory or data directory: system identifier or segment size differ.",
    remedy: 'Give each cluster its own prefix or `cluster` name. Nothing was written into the archive.',
  },
  WALR_OBJECT_CORRUPT: {
    meaning: 'An object of the archive does not decode: it is damaged, cut, or was exchanged.',
    remedy: 'Fetch it from another copy of the archive. Nothing of it was used.',
  },
  WALR_KEY: {
    meaning: 'A key cannot be read, is malformed, or does not decrypt what it should.',
    remedy: 'Give the key with the id in the message; keys stay in the key ring as long as objects need them.',
  },
  WALR_HTTP_LISTEN: {
    meaning: 'walr cannot serve over HTTP: the address is in use or not allowed, or certificate or key are not good.',
    remedy:
      'Correct `http.listen`, `http.certFile` or `http.keyFile`; the message has the reason that the system gave.',
  },
  WALR_SERVE_UNAVAILABLE: {
    meaning: 'The `walr serve` at the given address cannot be reached, or does not know at the moment what it has.',
    remedy: 'Nothing, usually: restore-command tries again, and then stops PostgreSQL, which loses nothing.',
  },
  WALR_SERVE_REFUSED: {
    meaning:
      'The `walr serve` at the given address refuses: no or a wrong token or certificate, another cluster, or it is no walr.',
    remedy: 'Correct the address, the token or the certificates. PostgreSQL was told to stop, and loses nothing.',
  },
  WALR_INTERNAL: {
    meaning: 'A fault in walr itself.',
    remedy: 'Run again with `--verbose` and report the stack trace.',
  },
} as const satisfies Record<`WALR_${string}`, { readonly meaning: string; readonly remedy: string }>

/** A code of the table above. */
export type ErrorCode = keyof typeof ERROR_CODES
