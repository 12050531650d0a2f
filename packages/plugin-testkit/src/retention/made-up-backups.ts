import type { RetentionBackup, RetentionInput } from '@walr/core/plugin'
import { patternNumbers } from '../bytes/pattern-bytes.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const NEWEST_AT = Date.UTC(2026, 2, 29, 1, 30)
const INPUT_COUNT = 150

/** Inputs of all kinds: none, one, chains of incremental backups, pinned ones, several timelines, clocks that are wrong. */
export function madeUpInputs(): readonly RetentionInput[] {
  return [
    ...Array.from({ length: INPUT_COUNT }, (_, seed) => madeUpInput(seed)),
    { now: new Date(NEWEST_AT + 10 * 365 * DAY_MS), backups: madeUpInput(7).backups },
    // A clock that was set back: all backups seem to come from the future.
    { now: new Date(NEWEST_AT - 5 * 365 * DAY_MS), backups: madeUpInput(8).backups },
  ]
}

/** The backup that ended last. */
export function newestOf(backups: readonly RetentionBackup[]): RetentionBackup | undefined {
  return backups.reduce<RetentionBackup | undefined>(
    (newest, backup) => (newest === undefined || backup.finishedAt > newest.finishedAt ? backup : newest),
    undefined,
  )
}

function madeUpInput(seed: number): RetentionInput {
  const next = patternNumbers(seed)
  const count = seed === 0 ? 1 : 1 + (next() % 30)
  // From minutes to a month between two backups.
  const stepMs = [5 * MINUTE_MS, 3 * 60 * MINUTE_MS, DAY_MS, 30 * DAY_MS][seed % 4] ?? DAY_MS
  const backups: RetentionBackup[] = []
  let endAt = NEWEST_AT - count * stepMs
  for (let index = 0; index < count; index++) {
    endAt += Math.floor(stepMs / 2) + (next() % stepMs)
    backups.push({
      id: `backup-${seed}-${index}`,
      startedAt: new Date(endAt - (next() % stepMs)),
      finishedAt: new Date(endAt),
      timelineId: 1 + Math.floor((index * 3) / count),
      parentId: next() % 3 === 0 ? undefined : parentFor(backups, next()),
      pinned: next() % 8 === 0,
      size: next(),
    })
  }
  return { now: new Date(endAt + (next() % (2 * stepMs))), backups }
}

/** Mostly the one before; sometimes an older one. Undefined for the first. */
function parentFor(backups: readonly RetentionBackup[], random: number): string | undefined {
  const back = random % 5 === 0 ? 1 + (random % Math.max(1, backups.length)) : 1
  return backups.at(-back)?.id
}
