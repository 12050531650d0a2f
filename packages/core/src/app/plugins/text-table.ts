/** Less than that is no room for sentences. */
const LEAST_COLUMNS = 30
const GAP = 2

/**
 * Rows with aligned columns; the last one has no spaces behind it.
 * @param width columns that there are: the last cell of a row is broken at spaces, and stands below its row when there is little
 *   room beside the other ones. Undefined: each row is one line.
 */
export function textTable(rows: readonly (readonly string[])[], width?: number): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const indent = widths.slice(0, -1).reduce((sum, columnWidth) => sum + columnWidth + GAP, 0)
  const isBelow = width !== undefined && indent + Math.min(widths.at(-1) ?? 0, LEAST_COLUMNS) > width
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + GAP))
      if (width === undefined || row.length < columns) return cells.join('').trimEnd()
      const left = isBelow ? 2 * GAP : indent
      const lines = wrappedLines(row.at(-1) ?? '', Math.max(width - left, LEAST_COLUMNS))
      const first = cells.slice(0, -1).join('')
      return (isBelow ? [first.trimEnd(), ...lines.map((line) => ' '.repeat(left) + line)] : aligned(first, lines))
        .map((line) => line.trimEnd())
        .join('\n')
    })
    .join('\n')
}

function aligned(first: string, [line = '', ...more]: readonly string[]): readonly string[] {
  return [first + line, ...more.map((each) => ' '.repeat(first.length) + each)]
}

/** Lines of at most `width` characters, unless a word is longer. */
export function wrappedLines(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}
