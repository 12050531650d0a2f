import { WalrError, isWalrError } from '../../errors/walr-error.ts'
import { prepareReplacement } from '../../plugins/installer/file-replacement.ts'
import type { Publication } from '../../plugins/installer/publication.ts'
import type { ConfigTextFormat } from '../../config/edit/config-document.ts'
import type { PluginConfig } from './plugin-config.ts'

/** What became of the configuration file. */
export type ConfigOutcome =
  | { readonly status: 'changed' | 'unchanged'; readonly file: string }
  /** The lines are to be written by hand: the file is a module, or there is none. */
  | { readonly status: 'by-hand'; readonly file: string | undefined }
  /** `--no-config`. */
  | { readonly status: 'left-alone' }

/** A change of the configuration file that is ready, if there is one. */
export interface ConfigEdit {
  readonly outcome: ConfigOutcome
  /** What {@link commitTogether} has to do for it; nothing when there is no change. */
  readonly steps: readonly (() => Promise<Publication>)[]
}

/**
 * Works out what the configuration file is going to hold.
 * @param config undefined to leave it alone.
 * @throws WalrError WALR_CONFIG when it cannot be edited, with the lines to write by hand; WALR_WRITE_FAILED
 */
export async function editConfig(
  config: PluginConfig | undefined,
  edit: (text: string, format: ConfigTextFormat) => string,
): Promise<ConfigEdit> {
  if (config === undefined) return { outcome: { status: 'left-alone' }, steps: [] }
  const { file, format } = config
  if (file === undefined || format === undefined) {
    return { outcome: { status: 'by-hand', file }, steps: [] }
  }
  try {
    const replacement = await prepareReplacement(file, (text) => edit(text, format))
    if (replacement === undefined) return { outcome: { status: 'unchanged', file }, steps: [] }
    return { outcome: { status: 'changed', file }, steps: [() => replacement.commit()] }
  } catch (error) {
    if (!isWalrError(error, 'WALR_CONFIG')) throw error
    throw new WalrError('WALR_CONFIG', `configuration file "${file}" cannot be edited: ${error.message}`, {
      detail: error.detail,
      hint: 'Edit it by hand and run the command again, or with "--no-config".',
      cause: error,
    })
  }
}
