/** Escape sequences around the parts of a message; the empty string where a part has no colour. */
export interface Colours {
  readonly error: string
  readonly warning: string
  readonly note: string
  readonly locus: string
}

/** The environment variables that decide, as in every client program of PostgreSQL. */
export interface ColourEnvironment {
  readonly PG_COLOR?: string | undefined
  readonly PG_COLORS?: string | undefined
}

const DEFAULTS = 'error=01;31:warning=01;35:note=01;36:locus=01'
const parts = ['error', 'warning', 'note', 'locus'] as const

/**
 * Colours by `PG_COLOR` (`always`, `auto` for terminals only, anything else is never) and `PG_COLORS`
 * (`error=01;31:warning=01;35:note=01;36:locus=01`; what it does not name stays plain).
 * @see PostgreSQL manual, appendix "Color Support"
 */
export function coloursFor(environment: ColourEnvironment, isTerminal: boolean): Colours {
  const wanted = environment.PG_COLOR === 'always' || (environment.PG_COLOR === 'auto' && isTerminal)
  const settings = new Map<string, string>()
  if (wanted) {
    for (const setting of (environment.PG_COLORS ?? DEFAULTS).split(':')) {
      const [name, value] = setting.split('=', 2)
      if (name !== undefined && value !== undefined && /^[0-9;]+$/.test(value)) settings.set(name, value)
    }
  }
  const [error, warning, note, locus] = parts.map((part) => settings.get(part) ?? '')
  return { error: error ?? '', warning: warning ?? '', note: note ?? '', locus: locus ?? '' }
}

/** `text` in the colour of a part; unchanged when that has none. */
export function coloured(text: string, colour: string): string {
  return colour === '' ? text : `\u001b[${colour}m${text}\u001b[0m`
}
