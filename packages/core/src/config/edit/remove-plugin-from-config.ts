import { waysToUncomment } from './comment-block.ts'
import { readConfigDocument, type ConfigDocument, type ConfigTextFormat } from './config-document.ts'
import { editing, firstProven } from './proven-edit.ts'
import { isName, waysToRemove } from './plugin-items.ts'
import { UneditableText } from './uneditable-text.ts'

/** A plugin that is to be no longer in the list `plugins` of a configuration. */
export interface PluginRemoval {
  /** All of the file. */
  readonly text: string
  readonly format: ConfigTextFormat
  /** As it was added. */
  readonly name: string
}

/**
 * Takes a plugin out of the list `plugins`, and its comment away when nobody has changed that. Entries that use the plugin
 * stay. A list in lines of its own that becomes empty goes with its key, when there are no comments in it.
 * @returns all of the file; as it was when the plugin is not in it.
 * @throws WalrError WALR_CONFIG as {@link addPluginToConfig}.
 */
export function removePluginFromConfig({ text, format, name }: PluginRemoval): string {
  return editing(`To be removed from "plugins": ${JSON.stringify(name)}`, () => {
    let document = withoutComment(readConfigDocument(text, format), format, name)
    for (;;) {
      const ways = waysToRemove(document, name)
      if (ways.length === 0) return document.text
      const tree = withoutFirst(document, name)
      // A list that is left empty may go with its key.
      const { plugins, ...others } = tree
      const isEmpty = Array.isArray(plugins) && plugins.length === 0
      const changed =
        firstProven(document.text, ways, { format, tree }) ??
        (isEmpty ? firstProven(document.text, ways, { format, tree: others }) : undefined)
      if (changed === undefined) throw new UneditableText('taking it out of "plugins" would change the rest of it')
      document = readConfigDocument(changed, format)
    }
  })
}

function withoutComment(document: ConfigDocument, format: ConfigTextFormat, name: string): ConfigDocument {
  if (document.isJson) return document
  const { text, tree } = document
  const ways = waysToUncomment(document, name).map((way) => [way])
  const changed = firstProven(text, ways, { format, tree })
  return changed === undefined ? document : readConfigDocument(changed, format)
}

function withoutFirst({ tree }: ConfigDocument, name: string): ConfigDocument['tree'] {
  const { plugins } = tree
  if (!Array.isArray(plugins)) return tree
  const index = plugins.findIndex((value) => isName(value, name))
  return { ...tree, plugins: plugins.toSpliced(index, 1) }
}
