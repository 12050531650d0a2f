import type { BucketSettings } from './bucket-store.ts'

/** What the fake is told and asked beside the API: by its name, with one argument. */
export interface Commands {
  createBucket: (given: { readonly name: string; readonly settings: BucketSettings }) => void
  /** What the server has, past the API; undefined when there is no such object. */
  inspect: (given: { readonly bucket: string; readonly name: string }) => InspectedObject | undefined
  keyFile: (account: string) => Readonly<Record<string, string>>
  subjectToken: (account: string) => string
  refreshToken: (account: string) => string
  setMachineAccount: (account: string | undefined) => void
  setTokenLifetime: (seconds: number) => void
  withdrawTokens: () => void
  tokensGiven: () => number
  /** Another checksum is told of every object; undefined ends that. */
  misreportChecksum: (crc32c: string | undefined) => void
  damageObject: (given: { readonly bucket: string; readonly name: string }) => void
  damageUploads: (isOn: boolean) => void
  takeOfNextChunk: (bytes: number) => void
  uploadsUnderWay: () => number
  /** Connections of clients that are open at the storage, and at what gives tokens. */
  connections: () => number
  /** What clients asked that the fake does not know. */
  misuses: () => readonly string[]
}

export interface InspectedObject {
  readonly size: number
  readonly contentType: string
  readonly storageClass: string
  readonly kmsKeyName: string | undefined
  readonly customerKey: string | undefined
}

/** A command on its way to the fake's process, and what comes back. */
export interface CommandMessage {
  readonly id: number
  readonly name: keyof Commands
  readonly argument: unknown
}
export interface ResultMessage {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}
export interface ReadyMessage {
  readonly endpoint: string
  readonly tokenOrigin: string
}
