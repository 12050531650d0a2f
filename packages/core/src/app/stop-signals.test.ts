import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { SignalSource } from './stop-signals.ts'
import { listenForStopSignals, StopRequest } from './stop-signals.ts'

/** A process that only takes signals, with a clock that stands until it is set. */
function fakeProcess() {
  const emitter = new EventEmitter()
  const clock = { ms: 0 }
  const exits: number[] = []
  const source: SignalSource = {
    on: (event, listener) => emitter.on(event, listener),
    off: (event, listener) => emitter.off(event, listener),
    exit: (code) => void exits.push(code),
  }
  const stop = listenForStopSignals(source, () => clock.ms)
  return { stop, clock, exits, emitter, send: (name: string) => emitter.emit(name, name) }
}

describe('signals to stop', () => {
  it.each([
    ['SIGINT', 'received interrupt signal'],
    ['SIGTERM', 'received termination signal'],
  ])('abort with the reason when %s comes', (signalName, message) => {
    const { stop, exits, send } = fakeProcess()
    expect(stop.signal.aborted).toBe(false)
    send(signalName)
    expect(stop.signal.reason).toBeInstanceOf(StopRequest)
    expect(stop.signal.reason).toMatchObject({ signalName, message })
    expect(exits).toEqual([])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('end the process at once when %s comes again', (signalName, code) => {
    const { clock, exits, send } = fakeProcess()
    send('SIGINT')
    clock.ms = 600
    send(signalName)
    expect(exits).toEqual([code])
  })

  it('take a second signal that comes with the first for the same wish', () => {
    const { clock, exits, send } = fakeProcess()
    send('SIGINT')
    clock.ms = 20
    send('SIGINT')
    expect(exits).toEqual([])
  })

  it('have their default meaning back when nobody listens any more', () => {
    const { stop, emitter } = fakeProcess()
    stop.dispose()
    expect(emitter.listenerCount('SIGINT')).toBe(0)
    expect(emitter.listenerCount('SIGTERM')).toBe(0)
  })
})
