import { EXIT_CODES } from '../../errors/exit-codes.ts'
import type { WalCommandContext, WalCommandResult } from './run-wal-command.ts'
import { systemFlag, textFlag, timelineFlag, type WalFlags } from './wal-flags.ts'
import { walListing } from './wal-listing.ts'
import { listingText } from './wal-listing-text.ts'
import { findPlaces, listPlaces } from './wal-places.ts'

/**
 * Runs `walr wal list`.
 * @throws WalrError when anything cannot be listed: a list is never shortened.
 */
export async function listWal(flags: WalFlags, context: WalCommandContext): Promise<WalCommandResult> {
  const timelineId = timelineFlag(flags)
  const systemIdentifier = systemFlag(flags)
  const { progress } = context
  const places = await findPlaces(
    { configPath: textFlag(flags, 'config'), directory: textFlag(flags, 'directory') },
    context,
  )
  const listed = await listPlaces(places, systemIdentifier, context, (objects) =>
    progress.show(() => `listing: ${objects} objects`),
  )
  const [unknown] = listed.unknown
  if (unknown) throw unknown.error
  const listing = walListing(listed, timelineId)
  const isJson = flags['json'] === true
  const text = isJson ? JSON.stringify(listing, undefined, 2) : listingText(listing)
  return { text, exitStatus: EXIT_CODES.success }
}
