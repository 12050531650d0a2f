/**
 * For the message about an unknown option: the one of `names` that somebody who typed `given` probably meant: at most a third of its letters are wrong, missing,
 * extra or swapped with their neighbour. Undefined when none is near enough.
 */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  let least = Infinity
  for (const name of names) {
    const distance = editDistance(given, name)
    if (distance < least && distance <= Math.max(1, Math.floor(name.length / 3))) {
      nearest = name
      least = distance
    }
  }
  return nearest
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours cost 1 each. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    rows.push(current)
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(
        cell(row - 1, column) + 1,
        cell(row, column - 1) + 1,
        cell(row - 1, column - 1) + (same ? 0 : 1),
      )
      const swapped = row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (swapped) cost = Math.min(cost, cell(row - 2, column - 2) + 1)
      current.push(cost)
    }
  }
  return cell(from.length, to.length)
}
