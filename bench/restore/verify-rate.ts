import { cleanEnvironment } from '../../test/support/clean-environment.ts'
import { contestant } from '../contestants.ts'
import { measure, type Usage } from '../measured-run.ts'
import { SEGMENT_BYTES, type WalSample } from './wal-sample.ts'
import type { WalrArchive } from './walr-archive.ts'

/** All runs of `walr wal verify` with the same options. */
export interface VerifyResult {
  readonly options: string
  readonly walBytes: number
  readonly rounds: readonly Usage[]
}

const KINDS = [['--jobs=1'], ['--jobs=1', '--deep'], [], ['--deep']] as const

/** Verifies the whole archive with one job and with as many as walr takes by itself, in turn. */
export async function benchVerify(
  { sample, archive }: { readonly sample: WalSample; readonly archive: WalrArchive },
  { rounds, say }: { readonly rounds: number; readonly say: (line: string) => void },
): Promise<readonly VerifyResult[]> {
  const { program } = contestant('walr')
  const walBytes = sample.segments.length * SEGMENT_BYTES
  const env = cleanEnvironment({ WALR_NODE: process.execPath })
  const done = KINDS.map((options) => ({ options, usages: [] as Usage[] }))
  for (let round = 0; round < rounds; round += 1) {
    for (const { options, usages } of done) {
      const usage = await measure(program, ['wal', 'verify', '--config', archive.configFile, ...options], env)
      usages.push(usage)
      const { wallSeconds, cpuSeconds } = usage
      say(
        `walr wal verify ${options.join(' ')}: ${(walBytes / wallSeconds / 1e6).toFixed(0)} MB/s, ${cpuSeconds.toFixed(1)} s CPU`,
      )
    }
  }
  return done.map(({ options, usages }) => ({ options: options.join(' '), walBytes, rounds: usages }))
}
