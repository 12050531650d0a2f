/** How to serve over HTTP. Plain data: it goes to another thread. */
export interface HttpSettings {
  /** `127.0.0.1:7070`, `unix:/run/walr.sock`. */
  readonly listen: string
  /** Secret. */
  readonly token: string | undefined
  /** PEM files, absolute. */
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly clientCaFile: string | undefined
  readonly maxDownloads: number
}
