/** Statuses of SFTP version 3 that walr looks at. */
export const SFTP_STATUS = {
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const

/** The server has answered that it could not do something. */
export class SftpStatusError extends Error {
  override readonly name = 'SftpStatusError'
  readonly status: number

  /** @param what was asked for, with its path: `open "a/b"`. */
  constructor(what: string, status: number, said: string) {
    super(`the server answered "${said}" (${status}) to ${what}`)
    this.status = status
  }
}

/** The server has not announced the extension that a request belongs to. */
export class UnsupportedRequestError extends Error {
  override readonly name = 'UnsupportedRequestError'

  constructor(what: string) {
    super(`the server does not offer ${what}`)
  }
}

/** True for an answer of the server with one of these statuses. */
export function hasStatus(error: unknown, ...statuses: readonly number[]): error is SftpStatusError {
  return error instanceof SftpStatusError && statuses.includes(error.status)
}
