import type { ConfigPath } from './config-path.ts'

/** A part of a YAML text: its lines, and where its own text begins in the first of them. */
interface Block {
  readonly first: number
  readonly end: number
  readonly column: number
}

const key = /^(?:"([^"]*)"|'([^']*)'|([^\s#"'{[-][^:]*?))\s*:(?:\s|$)/

/**
 * Finds the line of a place in a YAML text, for messages; the parser does not tell. Of what is written in one line, such as
 * `{ use: zstd }`, and of what is missing, it is the line around it.
 * @returns counted from 1; undefined when not even the first key is found.
 */
export function yamlLineOf(text: string, path: ConfigPath): number | undefined {
  const lines = text.split(/\r?\n/)
  let block: Block = { first: 0, end: lines.length, column: 0 }
  let line: number | undefined
  for (const part of path) {
    const inner = childrenOf(lines, block).get(part)
    if (inner === undefined) break
    line = inner.first
    block = inner
  }
  return line === undefined ? undefined : line + 1
}

/** The entries of a section by their keys, or the items of a list by their indexes. */
function childrenOf(lines: readonly string[], { first, end, column }: Block): ReadonlyMap<string | number, Block> {
  const starts: { readonly name: string | number; readonly first: number; readonly column: number }[] = []
  let indent: number | undefined
  let items = 0
  for (let index = first; index < end; index++) {
    const line = lines[index] ?? ''
    const text = index === first ? ' '.repeat(column) + line.slice(column) : line
    const content = text.trimStart()
    if (content === '' || content.startsWith('#') || content.startsWith('---')) continue
    const at = text.length - content.length
    indent ??= at
    if (at < indent) break
    if (at > indent) continue
    const dash = /^-(?:\s+|$)/.exec(content)?.[0]
    const match = key.exec(content)
    const name = match?.[1] ?? match?.[2] ?? match?.[3]
    // A list may stand as far left as the key that it belongs to.
    if (dash !== undefined && (items > 0 || starts.length === 0)) {
      starts.push({ name: items, first: index, column: at + dash.length })
      items++
    } else if (dash === undefined && match !== null && name !== undefined) {
      starts.push({ name, first: index, column: at + match[0].length })
    }
  }
  return new Map(starts.map((start, at) => [start.name, { ...start, end: starts[at + 1]?.first ?? end }]))
}
