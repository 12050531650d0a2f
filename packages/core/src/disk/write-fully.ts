import { systemError } from '../errors/system-error.ts'

/** Which bytes of a buffer go where in which file. */
export interface WriteRange {
  readonly path: string
  readonly offset: number
  readonly length: number
  readonly position: number
}

/**
 * Repeats `writeSome(offset, length, position)`, which returns how many bytes it wrote, until the whole range is written.
 * @throws ENOSPC when a call writes nothing: pwrite(2) then has no error number, and a full disk is the usual reason.
 */
export function writeFullySync(
  writeSome: (offset: number, length: number, position: number) => number,
  range: WriteRange,
): void {
  let done = 0
  while (done < range.length) {
    done += checked(writeSome(range.offset + done, range.length - done, range.position + done), range)
  }
}

/** As {@link writeFullySync}, for a `writeSome` that returns a promise. */
export async function writeFully(
  writeSome: (offset: number, length: number, position: number) => Promise<number>,
  range: WriteRange,
): Promise<void> {
  let done = 0
  while (done < range.length) {
    done += checked(await writeSome(range.offset + done, range.length - done, range.position + done), range)
  }
}

function checked(written: number, range: WriteRange): number {
  if (written <= 0) throw systemError('ENOSPC', 'write', range.path)
  return written
}
