import { describe, expect, it } from 'vitest'
import { HISTORY_OF_TIMELINE_3 } from '../wal/postgres-facts.fixture.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { FakeConnection, serverError, type Rows } from './fake-connection.fixture.ts'
import { fetchTimelineHistory } from './timeline-history-command.ts'

const fetched = (answer: Rows | Error): Promise<Buffer | undefined> =>
  fetchTimelineHistory(new FakeConnection({ 'TIMELINE_HISTORY 3': answer }), toTimelineId(3))

describe('TIMELINE_HISTORY', () => {
  it('gives the file byte for byte', async () => {
    const content = await fetched([['00000003.history', HISTORY_OF_TIMELINE_3]])
    expect(content?.toString()).toBe(HISTORY_OF_TIMELINE_3)
    expect(await fetched([['00000003.history', '']])).toHaveLength(0)
  })

  it('gives nothing when the server has no such file', async () => {
    expect(await fetched(serverError('58P01', 'could not open file'))).toBeUndefined()
  })

  it('that fails otherwise is an error', async () => {
    await expect(fetched(serverError('53100', 'disk full'))).rejects.toMatchObject({ sqlState: '53100' })
  })

  it.each<[Rows]>([
    [[['00000002.history', 'x']]],
    [[['00000003.history', null]]],
    [[[null, 'x']]],
    [[['00000003.history']]],
    [[]],
  ])('that answers %j is refused', async (rows) => {
    await expect(fetched(rows)).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
  })
})
