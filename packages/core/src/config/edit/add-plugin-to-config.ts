import { escapeReferences } from '../expand-text.ts'
import { waysToComment } from './comment-block.ts'
import { readConfigDocument, type ConfigTextFormat } from './config-document.ts'
import { editing, firstProven } from './proven-edit.ts'
import { isName, waysToAdd } from './plugin-items.ts'
import { UneditableText } from './uneditable-text.ts'

/** A plugin that is to be in the list `plugins` of a configuration. */
export interface PluginAddition {
  /** All of the file. */
  readonly text: string
  readonly format: ConfigTextFormat
  /** As entries use it: the name of a package, or a path. */
  readonly name: string
  /** Lines for the end of the file, such as {@link pluginComment} makes them; YAML alone has room for them. */
  readonly comment: readonly string[]
}

/**
 * Writes a plugin into the list `plugins`, which is made where there is none, and its comment at the end of the file. All
 * else stays byte for byte; the result was read again and means what it meant, with the plugin. A plugin that is in the
 * list already leaves the text as it is.
 * @returns all of the file. {@link removePluginFromConfig} makes it undone, byte for byte, unless `plugins` was null or was
 *   missing from a section in braces.
 * @throws WalrError WALR_CONFIG, with the lines to add by hand as its detail, when the text is not understood or cannot be
 *   edited without a risk. The error has nothing of the text in it.
 */
export function addPluginToConfig({ text, format, name, comment }: PluginAddition): string {
  return editing(`To be added: ${JSON.stringify({ plugins: [escapeReferences(name)] })}`, () => {
    const document = readConfigDocument(text, format)
    const { plugins = null, ...others } = document.tree
    const listed: unknown = plugins ?? []
    if (!Array.isArray(listed)) throw new UneditableText('its "plugins" is not a list')
    if (listed.some((value) => isName(value, name))) return text
    const tree = { ...others, plugins: [...(listed as never[]), escapeReferences(name)] }
    const added = firstProven(text, waysToAdd(document, name), { format, tree })
    if (added === undefined) throw new UneditableText('adding to "plugins" would change the rest of it')
    if (document.isJson) return added
    const ways = waysToComment(readConfigDocument(added, format), name, comment).map((way) => [way])
    // Without its comment a plugin works as well.
    return firstProven(added, ways, { format, tree }) ?? added
  })
}
