import type { OptionDescription, PluginHook } from '../../plugins/contract/index.ts'
import { printableLine } from '../../telemetry/printable-text.ts'
import { optionLines, wrapped } from './option-lines.ts'

/** What is known of a plugin that was installed. */
export interface CommentedPlugin {
  /** As entries use it. */
  readonly name: string
  /** Undefined when its package has none. */
  readonly version: string | undefined
  readonly options: readonly OptionDescription[]
  /** At least one. */
  readonly provides: readonly PluginHook[]
}

const CODEC_ORDER = 'Compression before encryption. Without "codecs" there is one: zstd.'
const NO_RETENTION = 'Not yet: this version of walr does not have the section "retention", and refuses it.'

/**
 * The lines that show in a configuration file how a plugin is used: an entry for each of its hooks, with all options, their
 * types and defaults. Every line begins with `#`. When that and the space behind it are taken away from all of them, what
 * is left is YAML: options that are required are without a value, unless they are secret, and the others are comments.
 */
export function pluginComment({ name, version, options, provides }: CommentedPlugin): readonly string[] {
  const entry = [`use: ${JSON.stringify(name)}`, ...optionLines(options.map(printableOption))]
  const archive = [
    ...(provides.includes('storage') ? ['  storage:', ...indented(entry, '    ')] : []),
    ...(provides.includes('codec')
      ? ['  codecs:', `    # ${CODEC_ORDER}`, ...indented(entry, '      ').map(withDash)]
      : []),
  ]
  const retention = provides.includes('retention') ? [`# ${NO_RETENTION}`, 'retention:', ...indented(entry, '  ')] : []
  const title = `${name}${version === undefined ? '' : ` ${printableLine(version)}`} (${provides.join(', ')})`
  return [
    ...wrapped(`${title} is used so; what goes into a section that the file has already is to be put there.`, 116).map(
      (line) => `## ${line}`,
    ),
    ...[...(archive.length > 0 ? ['archive:', ...archive] : []), ...retention].map((line) => `# ${line}`),
  ]
}

/** A plugin decides about these texts, and whoever shows the file has them on a terminal. */
function printableOption({ name, type, summary, default: usual, ...more }: OptionDescription): OptionDescription {
  return {
    ...more,
    ...{ name: printableLine(name), type: printableLine(type), summary: printableLine(summary) },
    ...(usual !== undefined && { default: printableLine(usual) }),
  }
}

function indented(lines: readonly string[], indent: string): string[] {
  return lines.map((line) => indent + line)
}

/** The first line of an entry in a list has its dash. */
function withDash(line: string, index: number): string {
  return index === 0 ? line.replace(/^( *) {2}(?=\S)/, '$1- ') : line
}
