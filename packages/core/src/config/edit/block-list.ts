import type { CST } from 'yaml'
import type { TextRange } from './flow-list.ts'
import { blankLineBefore, lineAdded, lineEnd, lineStart, linesRemoved, nextLine, type Splice } from './text-lines.ts'
import { UneditableText } from './uneditable-text.ts'

/** A list with an item a line, each behind a dash. */
export class BlockList {
  readonly #text: string
  readonly #items: readonly TextRange[]
  readonly #dashes: readonly number[]

  /** @param items where the values are, without the dashes. */
  constructor(text: string, token: CST.BlockSequence, items: readonly TextRange[]) {
    this.#text = text
    this.#items = items
    this.#dashes = token.items.flatMap(({ start }) =>
      start.flatMap((one) => (one.type === 'seq-item-ind' ? [one.offset] : [])),
    )
  }

  /** Writes a new last item, which stands as the last one does. */
  added(item: string): readonly Splice[] {
    const { dash, value } = this.#at(this.#items.length - 1)
    const gap = this.#text.slice(dash + 1, value.from)
    const space = /^[ \t]+$/.test(gap) ? gap : ' '
    return [lineAdded(this.#text, value.to, `${this.#indent(dash)}-${space}${item}`)]
  }

  /** Takes the lines of an item away. */
  removed(index: number): readonly Splice[] {
    const { dash, value } = this.#at(index)
    this.#indent(dash)
    return [linesRemoved(this.#text, lineStart(this.#text, dash), nextLine(this.#text, value.to))]
  }

  /**
   * Ways to take the only item away: with the key, and with the empty line before it or without, when nothing else is
   * written there; else the key stays, with `[]`.
   * @param key where the key's own text begins.
   * @param colon where its colon is.
   * @param end where the configuration ends.
   */
  emptied(key: number, colon: number, end: number): readonly (readonly Splice[])[] {
    const text = this.#text
    const { dash, value } = this.#at(0)
    const from = lineStart(text, key)
    const itemLine = lineStart(text, dash)
    const to = nextLine(text, value.to)
    const isKeyBare =
      /^\uFEFF?[ \t]*$/.test(text.slice(from, key)) && /^[ \t]*\r?\n$/.test(text.slice(colon + 1, itemLine))
    const isLastComment = !/^[ \t]+#/.test(text.slice(to, lineEnd(text, to)))
    if (!isKeyBare || !isLastComment) {
      return [[{ from: colon + 1, to: colon + 1, insert: ' []' }, linesRemoved(text, itemLine, to)]]
    }
    const begin = text.startsWith('\uFEFF') && from === 0 ? 1 : from
    const isApart = to >= end || /^\r?\n/.test(text.slice(to))
    const begins = isApart ? [blankLineBefore(text, begin), begin] : [begin]
    return begins.map((at) => [linesRemoved(text, at, to)])
  }

  #at(index: number): { readonly dash: number; readonly value: TextRange } {
    const dash = this.#dashes[index]
    const value = this.#items[index]
    if (dash === undefined || value === undefined) throw new UneditableText('an item of its plugins is not found')
    return { dash, value }
  }

  #indent(dash: number): string {
    const indent = this.#text.slice(lineStart(this.#text, dash), dash)
    if (!/^[ \t]*$/.test(indent)) throw new UneditableText('its plugins share a line with something else')
    return indent
  }
}
