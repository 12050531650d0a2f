/** Columns of the terminal that this process writes to; undefined when its output goes elsewhere and is not to be wrapped. */
export function terminalWidthHere(): number | undefined {
  const { isTTY, columns } = process.stdout
  if (!isTTY) return undefined
  return columns > 0 ? columns : 80
}
