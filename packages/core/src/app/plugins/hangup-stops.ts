import type { SignalSource, StopSignalName } from '../stop-signals.ts'

/** What is needed of the process; tests put their own in its place. */
export interface HangupSource {
  on(event: StopSignalName | 'SIGHUP', listener: (signalName: StopSignalName) => void): unknown
  off(event: StopSignalName | 'SIGHUP', listener: (signalName: StopSignalName) => void): unknown
  exit(code: number): void
}

/** Signals of a process whose terminal is closed (SIGHUP) as if it had got SIGTERM. */
export function hangupStops(source: HangupSource = process): SignalSource {
  const hangups = new Map<(signalName: StopSignalName) => void, () => void>()
  return {
    on(event, listener) {
      source.on(event, listener)
      if (event !== 'SIGTERM') return
      const hangup = (): void => {
        listener('SIGTERM')
      }
      hangups.set(listener, hangup)
      source.on('SIGHUP', hangup)
    },
    off(event, listener) {
      source.off(event, listener)
      const hangup = event === 'SIGTERM' ? hangups.get(listener) : undefined
      if (hangup !== undefined) source.off('SIGHUP', hangup)
    },
    exit: (code) => {
      source.exit(code)
    },
  }
}
