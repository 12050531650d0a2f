import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PluginSpecKind } from './plugin-spec.ts'

/** What a generation remembers of how it was installed. */
export interface InstalledRecord {
  readonly name: string
  readonly version: string
  readonly kind: PluginSpecKind
  /** As it was given to npm. */
  readonly spec: string
  /** What tells one content from another: npm's checksum of the package, or the commit. Undefined for a folder. */
  readonly integrity: string | undefined
}

const FILE = 'installed.json'
const kinds: readonly string[] = ['registry', 'tarball', 'folder', 'git', 'url'] satisfies PluginSpecKind[]

export async function writeInstalledRecord(generation: string, record: InstalledRecord): Promise<void> {
  await writeFile(join(generation, FILE), `${JSON.stringify({ format: 1, ...record }, undefined, 2)}\n`)
}

/** Rejects with a plain Error for what is no record, and with the system's error. */
export async function readInstalledRecord(generation: string): Promise<InstalledRecord> {
  const file = join(generation, FILE)
  const content: unknown = JSON.parse(await readFile(file, 'utf8'))
  const fields = new Map(typeof content === 'object' && content !== null ? Object.entries(content) : [])
  const text = (name: string): string => {
    const value: unknown = fields.get(name)
    if (typeof value !== 'string') throw new Error(`"${file}" has no "${name}"`)
    return value
  }
  const kind = text('kind')
  if (!isKind(kind)) throw new Error(`"${file}" has the kind "${kind}", which this walr does not know`)
  const integrity = fields.has('integrity') ? text('integrity') : undefined
  return { name: text('name'), version: text('version'), kind, spec: text('spec'), integrity }
}

function isKind(text: string): text is PluginSpecKind {
  return kinds.includes(text)
}
