import { isNode, isScalar, isSeq, Scalar, type Node, type Pair, type YAMLMap } from 'yaml'
import { escapeReferences } from '../expand-text.ts'
import { BlockList } from './block-list.ts'
import { isShared, pairOf, type ConfigDocument } from './config-document.ts'
import { FlowList, newFlowSection, type TextRange } from './flow-list.ts'
import { linesAppended, lineStart, type Splice } from './text-lines.ts'
import { UneditableText } from './uneditable-text.ts'

/** One way to change a text. */
export type Splices = readonly Splice[]

/**
 * Ways to write `name` into the list `plugins`, the best one first: not each of them keeps the meaning of every text.
 * @throws UneditableText
 */
export function waysToAdd(document: ConfigDocument, name: string): readonly Splices[] {
  const { section, text } = document
  if (section === undefined) return newList(document, name)
  const pair = pairOf(section, 'plugins')
  if (pair === undefined) return newEntry(document, section, name)
  const list = listOf(pair)
  if (list === undefined) return [[inPlaceOfNothing(pair, `[${itemText(name, document, undefined)}]`)]]
  const item = itemText(name, document, list.lastStyle)
  return [listIn(text, list).added(item)]
}

/**
 * Ways to take the first `name` out of the list `plugins`, the best one first; none when it is not there.
 * @throws UneditableText
 */
export function waysToRemove({ section, text, end }: ConfigDocument, name: string): readonly Splices[] {
  const pair = section === undefined ? undefined : pairOf(section, 'plugins')
  const list = pair === undefined ? undefined : listOf(pair)
  if (pair === undefined || list === undefined) return []
  const index = list.values.findIndex((value) => isName(value, name))
  if (index === -1) return []
  const editor = listIn(text, list)
  if (editor instanceof FlowList || list.items.length > 1) return [editor.removed(index)]
  return editor.emptied(rangeOf(pair.key).from, colonOf(pair), end)
}

/** True for a value of a configuration file that means this plugin. */
export function isName(value: unknown, name: string): boolean {
  return value === name || value === escapeReferences(name)
}

interface WrittenList {
  readonly node: Node
  readonly items: readonly TextRange[]
  readonly values: readonly unknown[]
  readonly lastStyle: Scalar.Type | undefined
}

/** Undefined when nothing stands behind the key. */
function listOf({ value }: Pair): WrittenList | undefined {
  if (value === null || (isScalar(value) && value.value === null && value.anchor === undefined)) return undefined
  if (isNode(value) && isShared(value)) throw new UneditableText('its plugins have an anchor or an alias')
  if (!isSeq(value)) throw new UneditableText('its "plugins" is not a list')
  const last = value.items.at(-1)
  return {
    node: value,
    items: value.items.map(rangeOf),
    values: value.items.map((item) => (isScalar(item) ? item.value : undefined)),
    lastStyle: isScalar(last) ? last.type : undefined,
  }
}

function listIn(text: string, { node, items }: WrittenList): FlowList | BlockList {
  const token = node.srcToken
  if (token?.type === 'flow-collection') return new FlowList(text, token, items)
  if (token?.type === 'block-seq') return new BlockList(text, token, items)
  throw new UneditableText('its "plugins" is written in an unusual way')
}

function newList(document: ConfigDocument, name: string): readonly Splices[] {
  const { text, isJson } = document
  if (!isJson) return appended(document, '', name)
  const entry = `"plugins": [${itemText(name, document, undefined)}]`
  return [[{ from: 0, to: text.length, insert: newFlowSection(text, entry) }]]
}

function newEntry(document: ConfigDocument, section: YAMLMap, name: string): readonly Splices[] {
  const { text } = document
  const token = section.srcToken
  const [first] = section.items
  const item = itemText(name, document, undefined)
  if (token?.type === 'flow-collection') {
    const isQuoted = document.isJson || (isScalar(first?.key) && first.key.type === Scalar.QUOTE_DOUBLE)
    const entries = section.items.map((pair) => ({
      from: rangeOf(pair.key).from,
      to: rangeOf(pair.value ?? pair.key).to,
    }))
    return [new FlowList(text, token, entries).added(`${isQuoted ? '"plugins"' : 'plugins'}: [${item}]`)]
  }
  const key = rangeOf(first?.key).from
  const indent = text.slice(lineStart(text, key), key).replace(/^\uFEFF/, '')
  if (!/^ *$/.test(indent)) throw new UneditableText('its top level is written in an unusual way')
  return appended(document, indent, name)
}

function appended(document: ConfigDocument, indent: string, name: string): readonly Splices[] {
  const { text, end } = document
  const lines = [`${indent}plugins:`, `${indent}  - ${itemText(name, document, undefined)}`]
  return [[linesAppended(text, end, lines, true)], [linesAppended(text, end, lines, false)]]
}

function inPlaceOfNothing(pair: Pair, list: string): Splice {
  const { from, to } = rangeOf(pair.value)
  if (to > from) return { from, to, insert: list }
  const colon = colonOf(pair)
  return { from: colon + 1, to: colon + 1, insert: ` ${list}` }
}

function colonOf({ srcToken }: Pair): number {
  const colon = srcToken?.sep?.find(({ type }) => type === 'map-value-ind')
  if (colon === undefined) throw new UneditableText('its key "plugins" has no colon')
  return colon.offset
}

function rangeOf(node: unknown): TextRange {
  const range = isNode(node) ? node.range : undefined
  if (!range) throw new UneditableText('a part of it is written in an unusual way')
  const [from, to] = range
  return { from, to }
}

/** Written as its neighbour is; in double quotes where that does not go. */
function itemText(name: string, { isJson }: ConfigDocument, style: Scalar.Type | undefined): string {
  const value = escapeReferences(name)
  const isPrintable = /^[\x20-\x7e]*$/.test(value)
  if (!isJson && style === Scalar.QUOTE_SINGLE && isPrintable) return `'${value.replaceAll("'", "''")}'`
  if (!isJson && style === Scalar.PLAIN && /^[A-Za-z][\w./-]*$/.test(value)) return value
  return JSON.stringify(value)
}
