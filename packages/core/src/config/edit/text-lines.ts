/** A piece of a text that is replaced. Several of one text are given in the order of the text and do not overlap. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly insert: string
}

/** Everything outside the splices stays as it is. */
export function spliced(text: string, splices: readonly Splice[]): string {
  let result = ''
  let at = 0
  for (const { from, to, insert } of splices) {
    result += text.slice(at, from) + insert
    at = to
  }
  return result + text.slice(at)
}

/** Where the line begins that `at` is in. */
export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Where the line ends that `at` is in, before its line break. */
export function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  if (newline === -1) return text.length
  return newline > at && text[newline - 1] === '\r' ? newline - 1 : newline
}

/** Where the line begins that follows the one that `at` is in; the end of the text when none does. */
export function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline === -1 ? text.length : newline + 1
}

/** The line break behind the line that `at` is in; that of the first line when it has none. */
export function lineBreak(text: string, at: number): string {
  const end = lineEnd(text, at)
  const own = text.slice(end, nextLine(text, end))
  if (own !== '') return own
  const first = lineEnd(text, 0)
  return text.slice(first, nextLine(text, first)) || '\n'
}

/** Adds a line behind the one that `at` is in; what one of them ends with, the other one ends with, too. */
export function lineAdded(text: string, at: number, line: string): Splice {
  const end = lineEnd(text, at)
  return { from: end, to: end, insert: lineBreak(text, at) + line }
}

/**
 * Adds lines at `at`, where a line begins or the text ends, behind an empty one when `apart`. {@link linesRemoved} makes it
 * undone: a text that does not end with a line break does not end with one afterwards.
 */
export function linesAppended(text: string, at: number, lines: readonly string[], apart: boolean): Splice {
  const before = text.slice(0, at)
  const eol = lineBreak(text, 0)
  const isOpen = before !== '' && !before.endsWith('\n')
  const head = (isOpen ? eol : '') + (apart && before !== '' && !isBlank(before) ? eol : '')
  return { from: at, to: at, insert: head + lines.join(eol) + (isOpen ? '' : eol) }
}

/** Removes the lines from `from`, where one begins, to `to`, where another one begins or the text ends. */
export function linesRemoved(text: string, from: number, to: number): Splice {
  const isOpen = to === text.length && !text.endsWith('\n')
  return { from: isOpen && from > 0 ? lineEnd(text, from - 1 - Number(text[from - 2] === '\r')) : from, to, insert: '' }
}

/** Where the empty line before `at`, the beginning of a line, begins; `at` itself when there is none. */
export function blankLineBefore(text: string, at: number): number {
  if (at === 0) return at
  const start = lineStart(text, at - 1)
  return start < at && isBlankLine(text.slice(start, at)) && start > 0 ? start : at
}

function isBlank(text: string): boolean {
  return text.replace(/^\uFEFF/, '') === ''
}

function isBlankLine(line: string): boolean {
  return line === '\n' || line === '\r\n'
}
