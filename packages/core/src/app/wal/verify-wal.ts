import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { WantedWal } from '../../archive/missing-wal.ts'
import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { StopRequest } from '../stop-signals.ts'
import { knownSystems, type KnownSystem } from './known-wal.ts'
import type { WalCommandContext, WalCommandResult } from './run-wal-command.ts'
import { VerifyContents, type VerifyMeter } from './verify-contents.ts'
import { Findings } from './verify-findings.ts'
import { verifyNames } from './verify-names.ts'
import { piecesOf } from './verify-pieces.ts'
import { VerifyPool } from './verify-pool.ts'
import { VerifyProgress } from './verify-progress.ts'
import { VerifyResume } from './verify-resume.ts'
import { codecSuffixes, findUndecodable } from './verify-suffixes.ts'
import { verificationText, type Verification } from './verification-text.ts'
import { systemFlag, textFlag, timelineFlag, type WalFlags } from './wal-flags.ts'
import { findPlaces, listPlaces, type ListedPlaces, type WalPlaces } from './wal-places.ts'
import { wantedRange, type RangeFlags } from './wanted-range.ts'

const MOST_JOBS = 64
const DEFAULT_JOBS = 8

/** What the command line asks for. */
interface VerifyOptions extends RangeFlags {
  readonly mode: 'names' | 'default' | 'deep'
  readonly jobs: number
  readonly resumePath: string | undefined
}

/**
 * Runs `walr wal verify`.
 * @throws WalrError when it cannot even be listed what there is, and when plugins or keys are not good; the signal's reason.
 */
export async function verifyWal(flags: WalFlags, context: WalCommandContext): Promise<WalCommandResult> {
  const options = optionsOf(flags, context.workingDirectory)
  const systemIdentifier = systemFlag(flags)
  const begunMs = performance.now()
  const given = { configPath: textFlag(flags, 'config'), directory: textFlag(flags, 'directory') }
  const places = await findPlaces(given, context)
  const listed = await listPlaces(places, systemIdentifier, context, (objects) =>
    context.progress.show(() => `listing: ${objects} objects`),
  )
  const findings = new Findings()
  noteUnknown(listed, findings)
  const systems = knownSystems(listed.catalogues)
  for (const known of systems) verifyNames(known, wantedRange(options, known.walSegmentSize), findings)
  const meter: VerifyMeter = { segments: 0, objects: 0, plainBytes: 0, storedBytes: 0, skippedSegments: 0, records: 0 }
  if (options.mode !== 'names') await verifyContents(places, systems, options, findings, meter, context)
  else await verifySuffixes(places, listed.catalogues, findings, context)
  const verification: Verification = {
    mode: options.mode,
    status: findings.worst ?? 'good',
    exitStatus: findings.exitStatus,
    ...meter,
    listedSegments: listed.catalogues.reduce((sum, catalogue) => sum + segmentCount(catalogue), 0),
    seconds: (performance.now() - begunMs) / 1000,
    counts: findings.counts,
    findings: findings.all,
  }
  const text = flags['json'] === true ? JSON.stringify(verification, undefined, 2) : verificationText(verification)
  return { text, exitStatus: findings.exitStatus }
}

async function verifySuffixes(
  { archive }: WalPlaces,
  catalogues: readonly WalCatalogue[],
  findings: Findings,
  context: WalCommandContext,
): Promise<void> {
  const suffixes = archive && (await codecSuffixes(archive, context))
  if (!suffixes) return
  for (const catalogue of catalogues.filter(({ owner }) => owner.place === 'archive')) {
    findUndecodable(catalogue, suffixes, findings)
  }
}

async function verifyContents(
  { archive, directory }: WalPlaces,
  systems: readonly KnownSystem[],
  { mode, jobs, resumePath, ...range }: VerifyOptions,
  findings: Findings,
  meter: VerifyMeter,
  { progress, signal, logger }: WalCommandContext,
): Promise<void> {
  const deep = mode === 'deep'
  const catalogues = systems.flatMap((known) => known.catalogues)
  const resume = await VerifyResume.open(nodeDisk, resumePath, deep ? 'deep' : 'default', catalogues)
  const plans = systems.flatMap((known) =>
    known.catalogues.map((catalogue) => ({ known, catalogue, wanted: wantedRange(range, known.walSegmentSize) })),
  )
  const totals = plans.map(({ known, catalogue, wanted }) => totalOf(catalogue, known, wanted))
  const shown = new VerifyProgress(progress, {
    plainBytes: totals.reduce((sum, { plainBytes }) => sum + plainBytes, 0),
    meter,
    walSegmentSize: systems[0]?.walSegmentSize ?? 0,
  })
  const objects = totals.reduce((sum, total) => sum + total.objects, 0)
  const needsArchive = catalogues.some(({ owner }) => owner.place === 'archive')
  const settings = { archive: needsArchive ? archive : undefined }
  await using pool = new VerifyPool(settings, Math.max(1, Math.min(jobs, objects)))
  try {
    for (const { known, catalogue, wanted } of plans) {
      const contents = new VerifyContents(catalogue, known, {
        ...{ checker: pool, cluster: archive?.cluster ?? '', deep, resume, findings, meter, signal },
        directory: catalogue.owner.place === 'archive' ? undefined : directory,
        onProgress: () => shown.show(),
      })
      await contents.run(wanted)
    }
  } catch (error) {
    if (error instanceof StopRequest && resumePath !== undefined && resume.isKept) {
      logger.notice(`what was verified is kept in "${resumePath}"`)
    }
    throw error
  }
}

function totalOf(
  catalogue: WalCatalogue,
  known: KnownSystem,
  wanted: WantedWal,
): { readonly objects: number; readonly plainBytes: number } {
  const pieces = piecesOf(catalogue, known, wanted)
  const segments = pieces.reduce((sum, { first, end }) => sum + Number(end - first), 0)
  return { objects: segments + catalogue.unfinished.length, plainBytes: segments * known.walSegmentSize }
}

function segmentCount(catalogue: WalCatalogue): number {
  return [...catalogue.timelines.values()].reduce((sum, table) => sum + table.segmentCount, 0)
}

/** An unfinished segment is WAL, too: of a directory that is archived it may be all that is left. */
function isEmpty(catalogue: WalCatalogue): boolean {
  return segmentCount(catalogue) === 0 && catalogue.unfinished.length === 0
}

export function noteUnknown({ unknown, foreignCount, catalogues }: ListedPlaces, findings: Findings): void {
  const place = 'archive'
  for (const { systemIdentifier, error } of unknown) {
    const { code, message: what, hint: remedy = '' } = error
    findings.add({ severity: 'damaged', code, place, where: `system ${systemIdentifier}`, what, remedy })
  }
  if (foreignCount > 0) {
    const what = `${foreignCount === 1 ? 'an object is' : `${foreignCount} objects are`} of no system`
    const remedy = 'Find out who stored them, and move them away.'
    findings.add({ severity: 'warning', place, where: 'the folder of the cluster', what, remedy })
  }
  if (unknown.length === 0 && catalogues.every(isEmpty)) {
    const what = 'there is no WAL'
    const remedy = 'Check the setting "cluster", prefix, bucket or path of archive.storage, or the directory.'
    findings.add({ severity: 'unchecked', place: 'all places', where: 'everywhere', what, remedy })
  }
}

function optionsOf(flags: WalFlags, workingDirectory: string): VerifyOptions {
  const names = flags['names'] === true
  const deep = flags['deep'] === true
  if (names && deep) {
    throw new WalrError('WALR_USAGE', '--names and --deep exclude each other', {
      hint: '--names looks at names only, --deep at every record.',
    })
  }
  const resume = textFlag(flags, 'resume')
  if (names && resume !== undefined) {
    throw new WalrError('WALR_USAGE', '--names and --resume exclude each other', {
      hint: 'There is nothing to go on with: --names looks at all names each time.',
    })
  }
  return {
    mode: names ? 'names' : deep ? 'deep' : 'default',
    jobs: jobsOf(textFlag(flags, 'jobs')),
    resumePath: resume === undefined ? undefined : resolve(workingDirectory, resume),
    from: textFlag(flags, 'from'),
    to: textFlag(flags, 'to'),
    timelineId: timelineFlag(flags),
  }
}

function jobsOf(text: string | undefined): number {
  if (text === undefined) return Math.min(DEFAULT_JOBS, availableParallelism())
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (jobs >= 1 && jobs <= MOST_JOBS) return jobs
  throw new WalrError('WALR_USAGE', `invalid value "${text}" for --jobs: a number from 1 to ${MOST_JOBS} is expected`)
}
