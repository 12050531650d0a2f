import type { CST } from 'yaml'
import { lineAdded, lineBreak, lineEnd, lineStart, nextLine, type Splice } from './text-lines.ts'
import { UneditableText } from './uneditable-text.ts'

/** Where an item of a list, or an entry of a section, is written. */
export interface TextRange {
  readonly from: number
  readonly to: number
}

/** A list or a section in brackets, as YAML and JSON have it. */
export class FlowList {
  readonly #text: string
  readonly #items: readonly TextRange[]
  /** The comma behind each item; the last one may have none. */
  readonly #commas: readonly number[]
  readonly #open: number
  readonly #close: number

  constructor(text: string, token: CST.FlowCollection, items: readonly TextRange[]) {
    this.#text = text
    this.#items = items
    this.#commas = token.items.flatMap(({ start }) =>
      start.flatMap((one) => (one.type === 'comma' ? [one.offset] : [])),
    )
    this.#open = token.start.offset + 1
    const close = token.end.find(({ type }) => type === 'flow-seq-end' || type === 'flow-map-end')
    if (close === undefined) throw new UneditableText('a bracket is not closed')
    this.#close = close.offset
  }

  /** Writes a new last item, in a line of its own when the last one has one. */
  added(item: string): readonly Splice[] {
    const text = this.#text
    const index = this.#items.length - 1
    const last = this.#items[index]
    if (last === undefined) return [this.#first(item)]
    const comma = this.#commas[index]
    const end = comma === undefined ? last.to : comma + 1
    if (isFirstInLine(text, last.from) && text.slice(end, this.#close).includes('\n')) {
      const missing = comma === undefined ? [{ from: end, to: end, insert: ',' }] : []
      const indent = text.slice(lineStart(text, last.from), last.from)
      return [...missing, lineAdded(text, end, `${indent}${item}${comma === undefined ? '' : ','}`)]
    }
    const gap = this.#gap(index)
    return [{ from: end, to: end, insert: comma === undefined ? `,${gap}${item}` : `${gap}${item},` }]
  }

  /** Takes an item away, with its line when it has one of its own. */
  removed(index: number): readonly Splice[] {
    const text = this.#text
    const item = this.#items[index]
    if (item === undefined) throw new UneditableText('an item of a list is not found')
    const comma = this.#commas[index]
    const before = index === 0 ? undefined : this.#commas[index - 1]
    const isLast = index === this.#items.length - 1
    const end = comma === undefined || nextLine(text, item.to) <= comma ? item.to : comma + 1
    // Behind the last item a comma is left only where there was one.
    const dangling = isLast && comma === undefined && before !== undefined ? before : undefined
    if (isFirstInLine(text, item.from) && /^[ \t]*(?:#.*)?$/.test(text.slice(end, lineEnd(text, end)))) {
      const line = { from: lineStart(text, item.from), to: nextLine(text, end), insert: '' }
      return dangling === undefined ? [line] : [{ from: dangling, to: dangling + 1, insert: '' }, line]
    }
    const next = this.#items[index + 1]
    if (next !== undefined && comma !== undefined)
      return [{ from: item.from, to: this.#spaceEnd(comma + 1), insert: '' }]
    if (before === undefined) return [{ from: item.from, to: this.#emptyEnd(end), insert: '' }]
    const from = comma === undefined ? before : before + 1
    if (!/^,?\s*$/.test(text.slice(from, item.from))) throw new UneditableText('there are comments between its plugins')
    return [{ from, to: end, insert: '' }]
  }

  #first(item: string): Splice {
    const inside = this.#text.slice(this.#open, this.#close)
    if (/^[ \t]*$/.test(inside)) return { from: this.#close, to: this.#close, insert: item + inside }
    return { from: this.#open, to: this.#open, insert: item }
  }

  /** What is between a comma and the next item in this list. */
  #gap(index: number): string {
    const comma = this.#commas[index - 1]
    const item = this.#items[index]
    const gap = comma === undefined || item === undefined ? undefined : this.#text.slice(comma + 1, item.from)
    return gap !== undefined && /^[ \t]*$/.test(gap) ? gap : ' '
  }

  #spaceEnd(at: number): number {
    return at + (/^[ \t]*/.exec(this.#text.slice(at, lineEnd(this.#text, at)))?.[0].length ?? 0)
  }

  /** When nothing is left in the brackets, the space behind what was there goes as well. */
  #emptyEnd(at: number): number {
    const end = this.#spaceEnd(at)
    return end === this.#close ? end : at
  }
}

function isFirstInLine(text: string, at: number): boolean {
  return /^\uFEFF?[ \t]*$/.test(text.slice(lineStart(text, at), at))
}

/** A section in brackets for a text that has none. */
export function newFlowSection(text: string, entry: string): string {
  const eol = lineBreak(text, 0)
  return `{${eol}  ${entry}${eol}}${eol}`
}
