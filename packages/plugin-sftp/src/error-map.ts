import { isStorageError, StorageError } from '@walr/core/plugin'
import {
  denied,
  field,
  lookUp,
  permanent,
  systemErrorMeaning,
  textField,
  transient,
  type ErrorMeaning,
} from '@walr/plugin-kit/storage'
import { SftpStatusError, UnsupportedRequestError } from './sftp-errors.ts'

const checkCredentials = 'check "username", "password", the private key or the agent, and what the server allows'
const checkRights = 'check the rights of the user on the server'
const lookAtServer = 'SFTP has no words for most failures: the log of the server may tell more'

/**
 * By the status of SFTP version 3. NO_SUCH_FILE is not `NotFound` here: only who asked for an object, and has seen that the
 * base directory is there, may say so. What is in none of these tables is `Permanent`.
 */
export const STATUS_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  2: permanent(),
  3: denied(checkRights),
  4: permanent(lookAtServer),
  5: permanent('a part of the name may be too long for the server'),
  6: transient,
  7: transient,
  8: permanent('the server lacks a feature that walr needs'),
}

/** By the `level` that ssh2 gives to its errors. */
export const LEVEL_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  'client-authentication': denied(checkCredentials),
  'client-timeout': transient,
  'client-socket': transient,
  'client-dns': transient,
  // what arrives altered is not SSH any more; the connection ends with it
  protocol: transient,
  'sftp-protocol': transient,
  handshake: transient,
}

/** By the reason that a server gives for ending a connection (RFC 4253, 11.1). */
export const DISCONNECT_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  1: denied('the server does not accept connections from this machine'),
  2: transient,
  3: transient,
  5: transient,
  6: transient,
  7: transient,
  10: transient,
  11: transient,
  12: transient,
  13: denied(checkCredentials),
  14: denied(checkCredentials),
  15: denied(checkCredentials),
}

/** Any error as the contract wants it. `failed` begins the message: `could not store "wal/x"`. Storage errors stay. */
export function sftpStorageError(error: unknown, failed: string): StorageError {
  if (isStorageError(error)) return error
  const { code, advice } = meaningOf(error)
  const said = error instanceof Error ? error.message : String(error)
  return new StorageError(code, `${failed}: ${advice === undefined ? said : `${said}; ${advice}`}`, { cause: error })
}

function meaningOf(error: unknown): ErrorMeaning {
  if (error instanceof SftpStatusError) return lookUp(STATUS_ERRORS, error.status) ?? permanent()
  if (error instanceof UnsupportedRequestError) return permanent('the server lacks a feature that walr needs')
  const text = textField(error, 'message')
  const level = textField(error, 'level')
  if (level === 'handshake' && /no matching/i.test(text)) {
    return permanent('the server and walr have no algorithm in common; the server may be too old')
  }
  // OpenSSH calls this a protocol error
  if (/too many authentication failures/i.test(text)) return denied(checkCredentials)
  const system = systemErrorMeaning(error, '')
  if (system) return system
  const reason = field(error, 'code')
  const ended = level === '' && typeof reason === 'number' ? lookUp(DISCONNECT_ERRORS, reason) : undefined
  return ended ?? lookUp(LEVEL_ERRORS, level) ?? permanent()
}
