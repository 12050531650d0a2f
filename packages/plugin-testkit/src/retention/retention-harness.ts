import type { RetentionPolicy } from '@walr/core/plugin'

/** What a plugin's author gives to the retention suite: a policy with given options. Run the suite for several of them. */
export interface RetentionHarness {
  /** A new policy at each call, all with the same options. */
  open(): Promise<RetentionPolicy>
  close(): Promise<void>
}
