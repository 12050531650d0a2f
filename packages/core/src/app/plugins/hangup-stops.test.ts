import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { listenForStopSignals } from '../stop-signals.ts'
import { hangupStops } from './hangup-stops.ts'

it.each(['SIGHUP', 'SIGINT', 'SIGTERM'])('%s stops until nobody listens any more', (name) => {
  const emitter = new EventEmitter()
  const source = hangupStops({
    on: (event, listener) => emitter.on(event, listener),
    off: (event, listener) => emitter.off(event, listener),
    exit: () => undefined,
  })
  const stop = listenForStopSignals(source, () => 0)
  expect(stop.signal.aborted).toBe(false)
  emitter.emit(name, name)
  expect(stop.signal.reason).toMatchObject({ signalName: name === 'SIGHUP' ? 'SIGTERM' : name })
  stop.dispose()
  expect(emitter.eventNames()).toEqual([])
})
