import type { HookContext, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-azure/src/options.ts'
import { openAzureStorage } from '../../packages/plugin-azure/src/storage.ts'
import type { AzureAccount } from '../support/azurite/azurite.ts'
import { recordedContext } from '../support/recorded-context.ts'

/** The part of a server that a client needs to know. */
export interface AzureServer extends AzureAccount {
  readonly endpoint: string
}

/** Opens the plugin's storage on a server, with small blocks. */
export async function openOnServer(
  { endpoint, accountName, accountKey }: AzureServer,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, accountName, accountKey }
  return openAzureStorage(parseOptions({ ...place, blockSize: '5MiB', ...options }), context)
}
