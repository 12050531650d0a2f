import { makeScratch } from './scratch.ts'

/**
 * Gives all test processes of a run one scratch folder, which is removed when the run ends: they are ended without a chance
 * to remove what they share.
 */
export function setup(): () => void {
  const scratch = makeScratch('run')
  process.env['WALR_SCRATCH'] = scratch.path
  return () => {
    delete process.env['WALR_SCRATCH']
    scratch.remove()
  }
}
