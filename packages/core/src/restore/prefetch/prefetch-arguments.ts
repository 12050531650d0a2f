/** What decides where WAL is looked for, beside the configuration file; `bin/walr` has the same list. */
const variables = ['WALR_RECEIVE_DIRECTORY', 'WALR_CONFIG', 'WALR_SERVE_ADDR', 'WALR_SERVE_TOKEN_FILE'] as const

/** A call's command line without `%f` and `%p`, which a prefetcher works for. */
export interface PrefetchArguments {
  /** Equal for two calls that look in the same places. */
  readonly identity: string
  /** The line that `bin/walr` compares with its own; undefined when no line can say it. */
  readonly line: string | undefined
}

/** @param argv what follows `restore-command`. `fileName` and `targetPath` may stand anywhere in it. */
export function prefetchArguments(
  argv: readonly string[],
  names: { readonly fileName: string; readonly targetPath: string },
  environment: Readonly<Record<string, string | undefined>>,
): PrefetchArguments {
  const places = variables.map((name) => environment[name] ?? '')
  const isLast = argv.at(-2) === names.fileName && argv.at(-1) === names.targetPath
  const others = isLast
    ? argv.slice(0, -2)
    : argv.filter((word) => word !== names.fileName && word !== names.targetPath)
  const words = [...places, ...others]
  const isPlain = isLast && words.every((word) => !/[|\n\0]/.test(word))
  return { identity: JSON.stringify(words), line: isPlain ? words.join('|') : undefined }
}
