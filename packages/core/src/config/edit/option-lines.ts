import type { OptionDescription } from '../../plugins/contract/index.ts'
import { escapeReferences } from '../expand-text.ts'

const WIDTH = 100

/**
 * A plugin's options as lines of YAML, as they stand in an entry: each under a comment with its type and its summary. What
 * is not required is a comment itself. Names with dots become sections.
 */
export function optionLines(options: readonly OptionDescription[]): readonly string[] {
  const root: OptionNode = { children: new Map<string, OptionNode>() }
  for (const option of options) {
    let node = root
    for (const part of option.name.split('.')) {
      const child = node.children.get(part) ?? { children: new Map<string, OptionNode>() }
      node.children.set(part, child)
      node = child
    }
    node.option = option
  }
  return childLines(root)
}

/** Breaks a text into lines of at most `width` characters, where it has spaces. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(/[\s\p{Cc}]+/u)) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}

interface OptionNode {
  option?: OptionDescription
  readonly children: Map<string, OptionNode>
}

function childLines({ children }: OptionNode): string[] {
  return [...children].flatMap(([name, node]) => {
    const lines = nodeLines(name, node)
    return isRequired(node) ? lines : lines.map((line) => (line.startsWith('# ') ? line : `# ${line}`))
  })
}

function nodeLines(name: string, node: OptionNode): string[] {
  const { option, children } = node
  const comment = option === undefined ? [] : wrapped(explanation(option), WIDTH).map((line) => `# ${line}`)
  const key = /^[A-Za-z][\w-]*$/.test(name) ? name : JSON.stringify(name)
  if (children.size > 0) return [...comment, `${key}:`, ...childLines(node).map((line) => `  ${line}`)]
  const value = option === undefined ? '' : shownValue(name, option)
  return [...comment, value === '' ? `${key}:` : `${key}: ${value}`]
}

function isRequired({ option, children }: OptionNode): boolean {
  return option?.required === true || [...children.values()].some(isRequired)
}

function explanation({ type, required, secret, summary, default: usual }: OptionDescription): string {
  const words = [type, ...(required === true ? ['required'] : []), ...(secret === true ? ['secret'] : [])]
  const text = `${words.join(', ')}: ${summary}`
  if (usual === undefined || valueOf(usual, type) !== undefined) return text
  return `${text}${text.endsWith('.') ? ' Default' : '; default'}: ${usual}`
}

/** The default, a place for a secret, or nothing. */
function shownValue(name: string, { type, default: usual, secret }: OptionDescription): string {
  if (secret === true) return JSON.stringify(`\${file:/run/secrets/${name.replace(/[^\w-]/g, '_')}}`)
  return (usual === undefined ? undefined : valueOf(usual, type)) ?? ''
}

/** A default as it may be written; undefined for one that is explained in words. */
function valueOf(usual: string, type: string): string | undefined {
  if (/^(?:\d+(?:\.\d+)?|true|false)$/.test(usual)) return usual
  if (/\s/.test(usual) && !/^\d+ \w+$/.test(usual)) return undefined
  if (/\bURL\b/.test(type) && !usual.includes('://')) return undefined
  const value = escapeReferences(usual)
  const isPlain =
    /^[A-Za-z0-9/][\w ./:-]*$/.test(value) && !/^[\d.:_-]+$|[: ]$|: |^(?:null|yes|no|on|off|y|n)$/i.test(value)
  return isPlain ? value : JSON.stringify(value)
}
