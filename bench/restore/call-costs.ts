import { join } from 'node:path'
import { reachableWalr } from '../../test/support/stage-for-user.ts'
import type { PgBackRest } from './pgbackrest.ts'
import { CallingPlace } from './timed-calls.ts'
import { walrWith, type WalBringer } from './wal-bringer.ts'
import type { WalrArchive } from './walr-archive.ts'
import type { WalSample } from './wal-sample.ts'

/** What kind of question a call is. */
export type CallKind = 'hit' | 'direct' | 'miss'

/** All calls of one kind by one contestant. */
export interface CallResult {
  readonly kind: CallKind
  readonly name: string
  readonly milliseconds: readonly number[]
  readonly failure?: string
}

/** Who is called, and how. */
interface Caller {
  readonly kind: CallKind
  readonly name: string
  readonly bringer: WalBringer
  /** What shows that a segment was fetched ahead; nothing is waited for when absent. */
  readonly readyPattern?: string
  /** The program is left running, or its queue filled, by a call that is not counted. */
  readonly startsAhead: boolean
}

/** Where the WAL is. */
export interface CallPlaces {
  readonly sample: WalSample
  readonly pgBackRest: PgBackRest
  readonly local: WalrArchive
  readonly s3: WalrArchive
}

const WALR_READY = 'pg_wal/.walr/*/ready/%f'

/** Measures whole calls, as many of each as asked for, in rounds in which each contestant takes its turn. */
export async function benchCalls(
  places: CallPlaces,
  { calls, rounds, say }: { readonly calls: number; readonly rounds: number; readonly say: (line: string) => void },
): Promise<readonly CallResult[]> {
  const callers = callersFor(places)
  const done = new Map(callers.map((caller) => [caller, [] as number[]]))
  const failures = new Map<Caller, string>()
  for (let round = 0; round < rounds; round += 1) {
    const first = round % callers.length
    for (const caller of [...callers.slice(first), ...callers.slice(0, first)]) {
      if (failures.has(caller)) continue
      try {
        const times = await callsOf(caller, places.sample, Math.ceil(calls / rounds))
        done.get(caller)?.push(...times)
        say(`${caller.kind}: ${caller.name}: ${times.map((time) => time.toFixed(0)).join(' ')} ms`)
      } catch (error) {
        failures.set(caller, String(error))
        console.error(error)
      }
    }
  }
  return callers.map((caller) => {
    const failure = failures.get(caller)
    const { kind, name } = caller
    return { kind, name, milliseconds: done.get(caller) ?? [], ...(failure !== undefined && { failure }) }
  })
}

function callersFor({ pgBackRest, local, s3 }: CallPlaces): readonly Caller[] {
  const config = (archive: WalrArchive): string => `--config "${archive.configFile}"`
  const walr = (archive: WalrArchive, more = ''): WalBringer => walrWith(archive.name, `${config(archive)}${more}`)
  const asynchronous = pgBackRest.bringer({ compression: 'zst', queueMib: 128 })
  const oneByOne = pgBackRest.bringer({ compression: 'zst', queueMib: 0 })
  const hit = { kind: 'hit', startsAhead: true } as const
  const direct = { kind: 'direct', startsAhead: false } as const
  const miss = { kind: 'miss', startsAhead: true } as const
  return [
    { ...hit, name: 'pgBackRest', bringer: asynchronous, readyPattern: pgBackRest.readyPattern },
    { ...hit, name: 'walr (sh, mv)', bringer: walr(s3), readyPattern: WALR_READY },
    { ...hit, name: "walr, Node's way", bringer: withoutShell(walr(s3)), readyPattern: WALR_READY },
    { ...direct, name: 'pgBackRest', bringer: oneByOne },
    { ...direct, name: 'walr, folder', bringer: walr(local, ' --prefetch=0') },
    { ...direct, name: 'walr, S3', bringer: walr(s3, ' --prefetch=0') },
    { ...miss, name: 'pgBackRest', bringer: asynchronous },
    { ...miss, name: 'walr, folder', bringer: walr(local) },
    { ...miss, name: 'walr, S3', bringer: walr(s3) },
    { ...miss, name: 'walr, folder, without prefetcher', bringer: walr(local, ' --prefetch=0'), startsAhead: false },
    { ...miss, name: 'walr, S3, without prefetcher', bringer: walr(s3, ' --prefetch=0'), startsAhead: false },
  ]
}

/** The same command without the script before Node, which takes what is ready by itself. */
function withoutShell(bringer: WalBringer): WalBringer {
  const { nodePath, walrPath } = reachableWalr()
  const statuses = 'WALR_RESTORE_DELIVERED_STATUS=0 WALR_RESTORE_ABSENT_STATUS=1'
  const script = join(walrPath, '../walr.js')
  return {
    ...bringer,
    restoreCommand: (dataDirectory) => {
      const [, args] = bringer.restoreCommand(dataDirectory).split(`"${walrPath}" `)
      return `${statuses} "${nodePath}" "${script}" ${args ?? ''}`
    },
  }
}

async function callsOf(caller: Caller, sample: WalSample, count: number): Promise<readonly number[]> {
  const place = await CallingPlace.create(sample)
  try {
    return await timeCalls(caller, { place, sample, count })
  } finally {
    await place[Symbol.asyncDispose]()
    await caller.bringer.finish?.(place.dataDirectory)
  }
}

async function timeCalls(
  { kind, bringer, readyPattern, startsAhead }: Caller,
  { place, sample, count }: { readonly place: CallingPlace; readonly sample: WalSample; readonly count: number },
): Promise<readonly number[]> {
  await bringer.prepare?.()
  const command = bringer.restoreCommand(place.dataDirectory)
  const { segments, absentSegment } = sample
  // Before misses the last segment is asked for: nothing is behind it that could be fetched ahead meanwhile.
  const opening = kind === 'miss' ? segments.at(-1) : segments[0]
  if (startsAhead && opening !== undefined) await place.time({ command, names: [opening], answer: 'delivered' })
  if (kind === 'miss') {
    return await place.time({ command, names: Array.from({ length: count }, () => absentSegment), answer: 'absent' })
  }
  const names = segments.slice(1, 1 + count)
  return await place.time({ command, names, answer: 'delivered', ...(readyPattern !== undefined && { readyPattern }) })
}
