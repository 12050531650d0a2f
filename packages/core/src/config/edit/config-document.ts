import { defaultLoaders } from 'cosmiconfig'
import { isAlias, isMap, isScalar, parseAllDocuments, Parser, visit, type Node, type Pair, type YAMLMap } from 'yaml'
import { isSection, type ConfigSection } from '../config-tree.ts'
import { UneditableText } from './uneditable-text.ts'

/** What is in a file: that of `.json` files is JSON, of a `package.json` its `walr` counts, all else is YAML. */
export type ConfigTextFormat = 'yaml' | 'json' | 'package.json'

/** A configuration that may be edited: what it says, and where in its text it says it. */
export interface ConfigDocument {
  readonly text: string
  /** True where there is no room for comments. */
  readonly isJson: boolean
  /** What walr reads from it. */
  readonly tree: ConfigSection
  /** The keys of the configuration, with their places; undefined when the text has none. */
  readonly section: YAMLMap | undefined
  /** Where lines may be added to a section in block style, and comments: before a `...`, else the end. */
  readonly end: number
}

/** @throws UneditableText */
export function readConfigDocument(text: string, format: ConfigTextFormat): ConfigDocument {
  const tree = readTree(text, format)
  const isJson = format !== 'yaml' || isJsonObject(text)
  if (/\r(?!\n)/.test(text)) throw new UneditableText('it has line breaks that are neither LF nor CRLF')
  return { text, isJson, tree, section: sectionOf(text, format), end: endOf(text) }
}

/**
 * The configuration as walr reads it.
 * @throws UneditableText
 */
export function readTree(text: string, format: ConfigTextFormat): ConfigSection {
  const content = contentOf(text, format)
  if (!isSection(content)) throw new UneditableText('it does not consist of sections and keys')
  return content
}

function contentOf(text: string, format: ConfigTextFormat): unknown {
  if (format !== 'package.json' && text.trim() === '') return {}
  if (format === 'yaml') return yamlContent(text)
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw new UneditableText('it is not valid JSON')
  }
  if (format === 'json') return content
  const property = isSection(content) ? content['walr'] : undefined
  if (isSection(property) && !('apiVersion' in property)) return property
  throw new UneditableText('it has no "walr" with a configuration')
}

/** With the parser that reads the configuration; the messages of parsers quote the file, which may hold secrets. */
function yamlContent(text: string): unknown {
  try {
    return defaultLoaders['.yaml']('', text) ?? {}
  } catch (error) {
    // Nothing but comments is an empty configuration.
    if (error instanceof Error && 'reason' in error && String(error.reason).startsWith('expected a document')) return {}
    throw new UneditableText('it is not valid YAML, or more than one document; "walr config validate" tells more')
  }
}

function isJsonObject(text: string): boolean {
  try {
    return isSection(JSON.parse(text))
  } catch {
    return false
  }
}

function sectionOf(text: string, format: ConfigTextFormat): YAMLMap | undefined {
  const documents = parseAllDocuments(text, { keepSourceTokens: true, logLevel: 'silent' })
  if (documents.length > 1) throw new UneditableText('it has more than one document')
  const [document] = documents
  const [fault] = document?.errors ?? []
  if (fault !== undefined) {
    const what = fault.code === 'DUPLICATE_KEY' ? 'it has a key twice' : 'it is not valid YAML'
    throw new UneditableText(`${what}${fault.linePos === undefined ? '' : ` (line ${fault.linePos[0].line})`}`)
  }
  const contents = document?.contents ?? undefined
  const section = format === 'package.json' && isMap(contents) ? pairOf(contents, 'walr')?.value : contents
  if (section === undefined || (isScalar(section) && section.value === null)) return undefined
  if (!isMap(section)) throw new UneditableText('it does not consist of sections and keys')
  if (pairOf(section, '<<') !== undefined) throw new UneditableText('its top level has a merge key ("<<")')
  return section
}

/** The pair of a key; undefined when the section does not have it. */
export function pairOf(section: YAMLMap, key: string): Pair | undefined {
  return section.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

/** True when a part of `node` is written elsewhere, or is used elsewhere. */
export function isShared(node: Node): boolean {
  let found = false
  visit(node, {
    Node: (_, part) => {
      found ||= isAlias(part) || part.anchor !== undefined
    },
  })
  return found
}

function endOf(text: string): number {
  for (const token of new Parser().parse(text)) if (token.type === 'doc-end') return token.offset
  return text.length
}
