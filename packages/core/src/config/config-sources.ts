import { formatConfigPath, parseConfigPath, type ConfigPath } from './config-path.ts'
import { walkConfig, type ConfigSection, type ConfigValue } from './config-tree.ts'

/** Where a value came from. */
export type ConfigSource = 'file' | 'command line' | 'default' | `environment variable ${string}`

/** Remembers where each value came from. */
export class ConfigSources {
  readonly #sources = new Map<string, ConfigSource>()

  /** All of a tree came from one source. */
  addTree(tree: ConfigSection, source: ConfigSource): void {
    walkConfig(tree, (path) => void this.#sources.set(formatConfigPath(path), source))
  }

  /** A value, with all that is in it, takes the place of what was there. */
  replace(path: ConfigPath, value: ConfigValue, source: ConfigSource): void {
    const text = formatConfigPath(path)
    for (const known of this.#sources.keys()) {
      if (known.startsWith(`${text}.`) || known.startsWith(`${text}[`)) this.#sources.delete(known)
    }
    this.#sources.set(text, source)
    walkConfig(value, (inner) => void this.#sources.set(formatConfigPath([...path, ...inner]), source))
  }

  /** The source of a value, or of the nearest thing around it that has one; `default` when nobody gave one. */
  of(text: string): ConfigSource {
    for (let path = parseConfigPath(text); path.length > 0; path = path.slice(0, -1)) {
      const source = this.#sources.get(formatConfigPath(path))
      if (source !== undefined && (formatConfigPath(path) === text || isValue(path))) return source
    }
    return 'default'
  }
}

/** Below these, all there is was given with them; a section's own keys have defaults. */
function isValue(path: ConfigPath): boolean {
  return path[0] === 'connection' || path[0] === 'plugins' || (path[0] === 'archive' && path.length > 1)
}
