import type { HttpSettings } from '../../http/http-settings.ts'
import type { LogExtra, Logger } from '../../telemetry/logger.ts'
import type { SentError } from '../archive/archive-messages.ts'
import type { RecoverySettings } from '../recovery/recovery-settings.ts'
import type { HttpStatus } from './http-status.ts'

/** What the HTTP thread is started with. Plain data: it is copied, and is in no command line (law 9). */
export interface HttpThreadSettings {
  readonly http: HttpSettings
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** From the receiving thread to the HTTP thread. */
export type HttpRequest =
  /** The directory is this cluster's: WAL may be served. Sent again it changes nothing. */
  | { readonly type: 'begin'; readonly recovery: RecoverySettings }
  /** Let running downloads end, then end. */
  | { readonly type: 'stop'; readonly graceMs: number }

/** From the HTTP thread to the receiving one. */
export type HttpReport =
  | { readonly type: 'status'; readonly status: HttpStatus }
  /** It cannot listen; the thread has ended. */
  | { readonly type: 'failed'; readonly error: SentError; readonly inUse: boolean }
  | {
      readonly type: 'log'
      readonly level: keyof Logger
      readonly message: string
      readonly extra: LogExtra | undefined
    }
