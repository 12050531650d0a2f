/** Why a program was asked to stop: the reason of the AbortSignal. */
export class StopRequest extends Error {
  override readonly name = 'StopRequest'
  readonly signalName: StopSignalName

  constructor(signalName: StopSignalName) {
    super(signalName === 'SIGINT' ? 'received interrupt signal' : 'received termination signal')
    this.signalName = signalName
  }
}

export type StopSignalName = 'SIGINT' | 'SIGTERM'

/** An AbortSignal under the control of the operating system's signals. */
export interface StopSignals {
  readonly signal: AbortSignal
  /** Gives SIGINT and SIGTERM their default meaning back. */
  dispose(): void
}

/** What the listener needs from the process; tests put their own in its place. */
export interface SignalSource {
  on(event: StopSignalName, listener: (signalName: StopSignalName) => void): unknown
  off(event: StopSignalName, listener: (signalName: StopSignalName) => void): unknown
  exit(code: number): void
}

/**
 * One Ctrl-C often arrives twice: from the terminal, which signals the whole process group, and from a parent such as npm,
 * which passes on its own. Within this time the second is the same wish to stop, not impatience.
 */
const ECHO_MS = 500

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Listens for SIGINT and SIGTERM. The first aborts `signal` with a {@link StopRequest}, and the program ends in its own
 * time; a later one ends the process at once with 130 or 143, as if the signal had not been caught.
 */
export function listenForStopSignals(
  source: SignalSource = process,
  now: () => number = performance.now.bind(performance),
): StopSignals {
  const controller = new AbortController()
  let firstAt: number | undefined
  const listener = (signalName: StopSignalName): void => {
    if (firstAt === undefined) {
      firstAt = now()
      controller.abort(new StopRequest(signalName))
    } else if (now() - firstAt >= ECHO_MS) {
      source.exit(exitCodes[signalName])
    }
  }
  source.on('SIGINT', listener)
  source.on('SIGTERM', listener)
  return {
    signal: controller.signal,
    dispose(): void {
      source.off('SIGINT', listener)
      source.off('SIGTERM', listener)
    },
  }
}
