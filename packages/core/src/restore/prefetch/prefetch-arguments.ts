/** What a line for `bin/walr` has of the environment, in its order; `bin/walr` has the same list. */
const variables = ['WALR_RECEIVE_DIRECTORY', 'WALR_CONFIG', 'WALR_SERVE_ADDR', 'WALR_SERVE_TOKEN_FILE'] as const
/** They say how walr is started, and nothing of what it does then. */
const indifferent = new Set(['WALR_NODE', 'WALR_RESTORE_DELIVERED_STATUS', 'WALR_RESTORE_ABSENT_STATUS'])

/** A call's command line without `%f` and `%p`, and walr's own variables: what a prefetcher works for. */
export interface PrefetchArguments {
  /** Equal for two calls that look in the same places with the same settings. Has no secrets. */
  readonly identity: string
  /**
   * The line that `bin/walr` compares with its own; undefined when no line can say it, or a variable is set that is not
   * among its four: a shell cannot compare those, and takes nothing then.
   */
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
  const settings = settingsDigest(environment)
  const isPlain = isLast && settings === undefined && words.every((word) => !/[|\n\0]/.test(word))
  return { identity: JSON.stringify([settings ?? '', ...words]), line: isPlain ? words.join('|') : undefined }
}

/** Of all other variables of walr, which may hold secrets; undefined when there are none. */
function settingsDigest(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const known: ReadonlySet<string> = new Set([...variables, ...indifferent])
  const settings = Object.entries(environment)
    .filter(([name, value]) => name.startsWith('WALR_') && value !== undefined && !known.has(name))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  if (settings.length === 0) return undefined
  // Loaded for those who need it: it takes milliseconds, at every call.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex')
}
