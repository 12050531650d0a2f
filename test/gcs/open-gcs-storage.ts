import type { HookContext, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-gcs/src/options.ts'
import { openGcsStorage } from '../../packages/plugin-gcs/src/storage.ts'
import { recordedContext } from '../support/recorded-context.ts'

/** Opens the plugin's storage at an endpoint, with small chunks, and without credentials unless the options say otherwise. */
export async function openAt(
  endpoint: string,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, anonymous: options['keyFile'] === undefined, chunkSize: '1MiB' }
  return openGcsStorage(parseOptions({ ...place, ...options }), context)
}
