import assert from 'node:assert/strict'
import type { RetentionInput } from '@walr/core/plugin'
import { patternNumbers } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { madeUpInputs, newestOf } from './made-up-backups.ts'
import { withOtherClock } from './other-clock.ts'
import { actions, type RetentionBench } from './retention-bench.ts'

const TEN_YEARS_MS = 3650 * 86_400_000

/** All cases of the retention suite. */
export const retentionCases: readonly ConformanceCase<RetentionBench>[] = [
  {
    id: 'RET-01',
    law: 'every backup gets exactly one decision, and nothing else gets one',
    run: async (bench) => {
      const policy = await bench.open()
      for (const input of madeUpInputs()) {
        const decided = policy.plan(input).map(({ backupId }) => backupId)
        assert.deepEqual(decided.sort(), input.backups.map(({ id }) => id).sort())
        for (const { action } of policy.plan(input))
          assert.ok(['keep', 'remove'].includes(action), `action "${action}"`)
      }
    },
  },
  {
    id: 'RET-02',
    law: 'the same input gives the same decisions, by the same policy and by another of the same options',
    run: async (bench) => {
      const [policy, other] = [await bench.open(), await bench.open()]
      for (const input of madeUpInputs()) {
        const first = policy.plan(input)
        assert.deepEqual(policy.plan(input), first)
        assert.deepEqual(other.plan(input), first)
      }
    },
  },
  {
    id: 'RET-03',
    law: 'the input is left as it is',
    run: async (bench) => {
      const policy = await bench.open()
      for (const input of madeUpInputs()) {
        const before = structuredClone(input)
        policy.plan(input)
        assert.deepEqual(input, before)
        const frozen = Object.freeze({ now: input.now, backups: Object.freeze(input.backups.map(Object.freeze)) })
        policy.plan(frozen as RetentionInput)
      }
    },
  },
  {
    id: 'RET-04',
    law: 'the newest backup is kept',
    run: async (bench) => {
      for (const { input, isKept, name } of await bench.makePlans()) {
        const newest = newestOf(input.backups)
        assert.ok(newest === undefined || isKept(newest), `the newest backup of ${name} is removed`)
      }
    },
  },
  {
    id: 'RET-05',
    law: 'pinned backups are kept',
    run: async (bench) => {
      for (const { input, isKept, name } of await bench.makePlans()) {
        const lost = input.backups.filter((backup) => backup.pinned && !isKept(backup))
        assert.deepEqual(lost, [], `pinned backups of ${name} that are removed`)
      }
    },
  },
  {
    id: 'RET-06',
    law: 'what a kept backup is built on is kept',
    run: async (bench) => {
      for (const { input, isKept, name } of await bench.makePlans()) {
        const needed = new Set(input.backups.filter(isKept).map(({ parentId }) => parentId))
        const lost = input.backups.filter((backup) => needed.has(backup.id) && !isKept(backup))
        assert.deepEqual(lost, [], `backups of ${name} that are removed though a kept one is built on them`)
      }
    },
  },
  {
    id: 'RET-07',
    law: 'the order of the backups changes no decision',
    run: async (bench) => {
      const policy = await bench.open()
      for (const [seed, input] of madeUpInputs().entries()) {
        const expected = actions(policy, input)
        const reversed = { now: input.now, backups: input.backups.toReversed() }
        assert.deepEqual(actions(policy, reversed), expected, 'decisions with the newest backup first')
        const mixed = { now: input.now, backups: shuffled(input.backups, seed) }
        assert.deepEqual(actions(policy, mixed), expected, 'decisions in another order')
      }
    },
  },
  {
    id: 'RET-08',
    law: 'no backups give no decisions',
    run: async (bench) => {
      const policy = await bench.open()
      assert.deepEqual(policy.plan({ now: new Date(), backups: [] }), [])
    },
  },
  {
    id: 'RET-09',
    law: 'now is the only clock',
    run: async (bench) => {
      const policy = await bench.open()
      for (const input of madeUpInputs()) {
        const expected = policy.plan(input)
        for (const shiftMs of [-TEN_YEARS_MS, TEN_YEARS_MS]) {
          const found = withOtherClock(shiftMs, () => policy.plan(input))
          assert.deepEqual(found, expected, 'decisions of a process whose clock tells another time')
        }
      }
    },
  },
  {
    id: 'RET-10',
    law: 'every decision has a reason, of one line',
    run: async (bench) => {
      const policy = await bench.open()
      for (const input of madeUpInputs()) {
        for (const { backupId, reason } of policy.plan(input))
          assert.match(reason, /^\S.*\S$/, `the reason for ${backupId}`)
      }
    },
  },
]

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = patternNumbers(seed)
  return items
    .map((item) => ({ item, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
