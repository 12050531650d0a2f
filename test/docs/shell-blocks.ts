import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const repository = join(import.meta.dirname, '../..')

/** The text of a document of this repository. */
export function readDocument(path: string): string {
  return readFileSync(join(repository, path), 'utf8')
}

/** The fenced blocks of a document in one language, in their order. */
export function blocksOf(document: string, language: string): readonly string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...document.matchAll(pattern)].map((match) => match[1] ?? '')
}

/** The lines of a block as one program whose last command takes the shell's place, so that a signal reaches it. */
export function asScript(block: string): string {
  const lines = block.trimEnd().split('\n')
  return [...lines.slice(0, -1), `exec ${lines.at(-1) ?? ''}`].join('\n')
}
