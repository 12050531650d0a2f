import { writeTarget, type TargetOptions } from './target-file.ts'
import type { WalCopy } from './wal-source.ts'

/**
 * Writes a copy to where it is wanted, all at once, when all of it was good.
 * @throws what the copy throws, {@link writeTarget} as well.
 */
export async function deliverCopy(copy: WalCopy, target: TargetOptions): Promise<void> {
  await writeTarget(target, async (writer) => {
    for await (const chunk of copy.open(target.signal)) await writer.write(chunk)
  })
}
