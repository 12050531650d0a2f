import { systemErrorText } from '../../errors/system-error.ts'
import type { Publication } from '../../plugins/installer/publication.ts'
import type { Logger } from '../../telemetry/logger.ts'

/**
 * Does all of it, in this order, or nothing: when one step fails those before are taken back. A process that is killed leaves
 * the first steps done, so that of plugins and the list of them in the configuration the list is to be the shorter one.
 * @param logger is told what could not be taken back, or cleaned up afterwards.
 */
export async function commitTogether(steps: readonly (() => Promise<Publication>)[], logger: Logger): Promise<void> {
  const done: Publication[] = []
  try {
    for (const step of steps) done.push(await step())
  } catch (error) {
    for (const publication of done.reverse()) {
      await publication.takeBack().catch((failure: unknown) => {
        logger.error(`what was published could not be taken back: ${systemErrorText(failure)}`, {
          hint: '"walr plugins" lists what is installed now.',
        })
      })
    }
    throw error
  }
  for (const publication of done) {
    await publication.settle().catch((error: unknown) => {
      logger.warning(`could not remove what is not needed any more: ${systemErrorText(error)}`)
    })
  }
}
