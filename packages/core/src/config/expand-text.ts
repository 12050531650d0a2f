/** What references in values may refer to. */
export interface ExpansionSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Reads the file of a `${file:...}`. Rejects with a message that says what is wrong, the path included. */
  readonly readSecret: (path: string) => Promise<string>
}

/** A value with its references replaced. */
export interface ExpandedText {
  readonly text: string
  /** True when a part of it came from a file, or from a variable whose name says so. */
  readonly secret: boolean
  /** What is wrong with the references; the text is of no use then. */
  readonly faults: readonly string[]
}

/** `$$`, or `${` with all up to the next `}`; a lone `$` is itself. */
const reference = /\$\$|\$\{([^}]*)(\}?)/g
const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s
const secretVariable = /pass|secret|key|token|credential/i

/**
 * Replaces `${NAME}` and `${NAME:-default}` by variables of the environment (the default counts when the variable is unset
 * or empty), `${file:PATH}` by the text of a file, and `$$` by `$`, also in defaults and paths. What was put in is not
 * looked at again.
 */
export async function expandText(text: string, sources: ExpansionSources): Promise<ExpandedText> {
  const faults: string[] = []
  let expanded = ''
  let secret = false
  let end = 0
  for (const match of text.matchAll(reference)) {
    const [whole, inside, closing] = match
    expanded += text.slice(end, match.index)
    end = match.index + whole.length
    if (whole === '$$') expanded += '$'
    else if (closing === '') faults.push('has a "${" without its "}"; a "$" itself is written "$$"')
    else {
      const replacement = await replacementFor(inside ?? '', sources)
      if ('fault' in replacement) faults.push(replacement.fault)
      else {
        expanded += replacement.text
        secret ||= replacement.secret
      }
    }
  }
  return { text: expanded + text.slice(end), secret, faults }
}

/** Writes text so that {@link expandText} gives it back. */
export function escapeReferences(text: string): string {
  return text.replaceAll('$', '$$$$')
}

async function replacementFor(
  inside: string,
  { environment, readSecret }: ExpansionSources,
): Promise<{ readonly text: string; readonly secret: boolean } | { readonly fault: string }> {
  if (inside.startsWith('file:')) {
    try {
      return { text: await readSecret(unescaped(inside.slice('file:'.length))), secret: true }
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) }
    }
  }
  const [, name, fallback] = variable.exec(inside) ?? []
  // What is in the braces may be a part of a password that has a "${" in it.
  if (name === undefined)
    return { fault: 'has a "${...}" that is none of "${NAME}", "${NAME:-default}", "${file:PATH}"' }
  if (fallback?.includes('${') === true) return { fault: `has a default for "${name}" with another "\${" in it` }
  const value = environment[name]
  const secret = secretVariable.test(name)
  if (value !== undefined && (value !== '' || fallback === undefined)) return { text: value, secret }
  if (fallback !== undefined) return { text: unescaped(fallback), secret }
  return { fault: `refers to the environment variable ${name}, which is not set; "\${${name}:-default}" has a default` }
}

function unescaped(text: string): string {
  return text.replaceAll('$$', '$')
}
