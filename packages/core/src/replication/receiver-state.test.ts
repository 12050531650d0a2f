import { describe, expect, it } from 'vitest'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { ReceiverStateHolder } from './receiver-state.ts'

describe('the state of a receiver', () => {
  it('is starting at first', () => {
    expect(new ReceiverStateHolder(new RecordingLogger()).status).toMatchObject({ state: 'starting' })
  })

  it('is told to the log with its reason at each change, and only then', () => {
    const logger = new RecordingLogger()
    const holder = new ReceiverStateHolder(logger)
    holder.set('streaming', 'level with the server')
    const { since } = holder.status
    holder.set('streaming', 'again')
    holder.set('gap', 'WAL is missing')
    expect(logger.lines).toEqual([
      'info: state: streaming (level with the server)',
      'info: state: gap (WAL is missing)',
    ])
    expect(holder.status).toMatchObject({ state: 'gap', reason: 'WAL is missing' })
    expect(holder.status.since.getTime()).toBeGreaterThanOrEqual(since.getTime())
  })
})
