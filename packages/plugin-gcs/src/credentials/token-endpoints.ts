/** Where tokens come from when a credentials file names no other place. */
export const DEFAULT_TOKEN_URI = 'https://oauth2.googleapis.com/token'
export const DEFAULT_STS_URI = 'https://sts.googleapis.com/v1/token'

/** What tokens are asked for: to read, write and delete objects, as far as the account's roles allow it. */
export const STORAGE_SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'
/** What a token needs that is to act as another account. */
export const CLOUD_SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
