import { StorageError, type ByteSource } from '@walr/core/plugin'
import { PartReader } from '@walr/plugin-kit/storage'
import { allDone } from './all-done.ts'
import { RequestWindow } from './request-window.ts'
import type { SftpSession } from './sftp-session.ts'
import { UnsupportedRequestError } from './sftp-errors.ts'

/** What every server takes in one request, and what fits, with its head, into one packet of SSH. */
const REQUEST_BYTES = 31_744
/** So many requests fill the window of OpenSSH, 2 MiB. */
const REQUESTS_AT_ONCE = 66
/** How much of a source is read at a time. */
const PART_BYTES = 1_048_576

const noDigest = () => ({ update: () => undefined, finish: () => undefined })

/**
 * Writes all bytes of `source` into a new file at `path` and makes them durable, where the server has fsync. The file
 * stays, also when this rejects.
 * @returns the size that the server then reports.
 * @throws StorageError Transient when that is not what was sent; errors of the source and of the server.
 */
export async function writeFile(
  session: SftpSession,
  path: string,
  source: ByteSource,
  { mode, signal }: { readonly mode: number; readonly signal: AbortSignal },
): Promise<{ readonly size: number; readonly isSynced: boolean }> {
  const handle = await session.open(path, 'wx', mode)
  const window = new RequestWindow(REQUESTS_AT_ONCE)
  let sent: number
  try {
    sent = await sendAll({ session, handle, window }, source, signal)
  } catch (error) {
    await session.closeHandle(handle).catch(() => undefined)
    throw error
  }
  // The server works on requests in their order, so nobody has to wait for the answers to the writes.
  const syncing = session.sync(handle).then(
    () => true,
    (error: unknown) => {
      if (error instanceof UnsupportedRequestError) return false
      throw error
    },
  )
  const asking = session.fstat(handle)
  await allDone([window.empty(), syncing, asking, session.closeHandle(handle)])
  signal.throwIfAborted()
  const { size } = await asking
  if (size === sent) return { size, isSynced: await syncing }
  throw new StorageError('Transient', `the server reports a file of ${size} bytes after ${sent} were written`)
}

interface OpenFile {
  readonly session: SftpSession
  readonly handle: Buffer
  readonly window: RequestWindow
}

/** @returns how many bytes were sent; the last of them are under way in the window. */
async function sendAll(
  { session, handle, window }: OpenFile,
  source: ByteSource,
  signal: AbortSignal,
): Promise<number> {
  let position = 0
  const send = async (bytes: Buffer): Promise<void> => {
    for (let from = 0; from < bytes.length; from += REQUEST_BYTES) {
      await window.room()
      signal.throwIfAborted()
      const to = Math.min(from + REQUEST_BYTES, bytes.length)
      window.add(session.write(handle, bytes, { from, to }, position + from))
    }
    position += bytes.length
  }
  const partBytes = source.bytes === undefined ? PART_BYTES : Math.max(PART_BYTES, source.bytes.length)
  const reader = new PartReader(source, partBytes, noDigest)
  try {
    for (;;) {
      const part = await reader.next(signal)
      await send(part.bytes)
      if (part.isLast) break
      reader.giveBack(part)
    }
  } finally {
    await reader.close()
  }
  return position
}
