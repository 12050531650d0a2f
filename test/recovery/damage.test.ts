import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeLocalPlace, type LocalPlace } from '../support/recovery/archive-place.ts'
import { loseCluster, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { callRestoreCommand } from '../support/recovery/restore-process.ts'
import { DAMAGES, damaged, expectRefusedRecovery } from './damage.ts'

let places: Readonly<Record<'plain' | 'encrypted', LocalPlace>>
let lost: LostCluster
beforeAll(async () => {
  places = { plain: makeLocalPlace(), encrypted: makeLocalPlace({ encrypted: true }) }
  lost = await loseCluster({ version: 17, places: [places.plain, places.encrypted], rows: 5 })
})
afterAll(async () => {
  for (const each of [lost, places.plain, places.encrypted]) await each[Symbol.asyncDispose]()
})

describe('when', () => {
  it.each(DAMAGES)('$what, no byte is given that is not the right one', async (damage) => {
    await using copy = await damaged(damage, lost, places[damage.archive])
    const { args, segment } = copy
    const asked: (readonly [string, 0 | 1 | 255])[] = [[segment, damage.answers.segment]]
    if (damage.answers.history === 255) asked.push(['00000002.history', 255])
    for (const [name, status] of asked) {
      const result = await callRestoreCommand(lost.base, `${args} --timeout=1s`, name)
      expect(result, `${name}: ${result.stderr}`).toMatchObject({ status, left: [] })
      expect(result.bytes?.length, name).toBe(status === 0 ? 1_048_576 : undefined)
      if (status === 255) expect(result.stderr).toMatch(/^walr: error: /m)
      expect(result.stderr).not.toMatch(/^ +at |unexpected/m)
    }
  })
})

it.each(
  DAMAGES.filter(({ what }) =>
    ['the segment is missing, and later ones are there', 'the archive is empty'].includes(what),
  ),
)('stops PostgreSQL with FATAL: $what', async (damage) => {
  await expectRefusedRecovery(damage, lost, places[damage.archive])
})
