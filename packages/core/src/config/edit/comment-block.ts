import { createHash } from 'node:crypto'
import { blankLineBefore, lineEnd, linesAppended, linesRemoved, nextLine, type Splice } from './text-lines.ts'
import type { ConfigDocument } from './config-document.ts'

/**
 * Ways to put a plugin's comment at the end of a configuration, the best one first; none where there is one already, and
 * where there is nothing to say. A last line names the plugin and tells later whether somebody changed the rest.
 */
export function waysToComment(document: ConfigDocument, name: string, comment: readonly string[]): readonly Splice[] {
  const { text, end } = document
  if (comment.length === 0 || lastLines(text, name).length > 0) return []
  const lines = comment.map((line) => (line.startsWith('#') ? line : `# ${line}`.trimEnd()))
  const all = [...lines, `${lastLineStart(name)}${checksum(lines)}).`]
  return [true, false].map((apart) => linesAppended(text, end, all, apart))
}

/** Ways to remove a plugin's comment, with the empty line before it and without; none unless it is as it was written. */
export function waysToUncomment({ text, end }: ConfigDocument, name: string): readonly Splice[] {
  for (const last of lastLines(text, name)) {
    const from = startOf(text, last)
    if (from === undefined) continue
    const to = nextLine(text, last.at)
    const isApart = to >= end || /^\r?\n/.test(text.slice(to))
    const begins = isApart ? [blankLineBefore(text, from), from] : [from]
    return begins.map((begin) => linesRemoved(text, begin, to))
  }
  return []
}

interface LastLine {
  readonly at: number
  readonly checksum: string
}

function lastLines(text: string, name: string): readonly LastLine[] {
  const found: LastLine[] = []
  for (let at = 0; at < text.length; at = nextLine(text, at)) {
    const line = text.slice(at, lineEnd(text, at))
    const match = line.startsWith(lastLineStart(name))
      ? /^([0-9a-f]{8})\)\.$/.exec(line.slice(lastLineStart(name).length))
      : null
    if (match?.[1] !== undefined) found.push({ at, checksum: match[1] })
  }
  return found
}

/** Where the lines begin that the checksum is of; undefined when somebody changed them. */
function startOf(text: string, last: LastLine): number | undefined {
  const lines: string[] = []
  for (let at = last.at; at > 0;) {
    const start = text.lastIndexOf('\n', at - 2) + 1
    const line = text.slice(start, lineEnd(text, start))
    if (!line.startsWith('#')) return undefined
    lines.unshift(line)
    if (checksum(lines) === last.checksum) return start
    at = start
  }
  return undefined
}

function lastLineStart(name: string): string {
  return `## End of ${JSON.stringify(name)}. "walr plugins uninstall" removes these lines unless somebody changed them (`
}

function checksum(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 8)
}
