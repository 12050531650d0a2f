/** What allows requests for a while. */
export interface AccessToken {
  readonly value: string
  /** By the clock of the context, in milliseconds. */
  readonly expiresAtMs: number
  /** The project to which the credentials charge requests. */
  readonly quotaProject?: string | undefined
}

/**
 * Gets a new token, from the beginning: files are read again, since keys are changed while walr runs.
 * @throws StorageError AccessDenied when the credentials are refused or there are none, Transient when who gives tokens
 * cannot be reached. No error shows a secret.
 */
export type TokenSource = (signal: AbortSignal) => Promise<AccessToken>
