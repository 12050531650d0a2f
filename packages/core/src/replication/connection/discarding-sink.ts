import type { CopySink } from './replication-connection.ts'

/** Takes a stream and does nothing with it. */
export const discardingSink: CopySink = {
  onStart: () => undefined,
  onWalHeader: () => undefined,
  onWalData: () => undefined,
  onKeepalive: () => undefined,
  onReadEnd: () => undefined,
  onCopyDone: () => undefined,
}
