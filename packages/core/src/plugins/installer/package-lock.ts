import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What npm's package-lock.json says about what was installed. */
export interface PackageLock {
  /** Whether any of the packages has a script that npm would run after it was unpacked. */
  readonly hasInstallScripts: boolean
  readonly packages: ReadonlyMap<string, LockedPackage>
}

export interface LockedPackage {
  /** The checksum of the package; of a git repository its commit. Undefined for a folder. */
  readonly integrity: string | undefined
}

/** @param folder the prefix that npm has installed into. */
export async function readPackageLock(folder: string): Promise<PackageLock> {
  const content: unknown = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
  const { packages } = content as { readonly packages?: Readonly<Record<string, unknown>> }
  const entries = Object.entries(packages ?? {}).map(([path, entry]) => [path, fieldsOf(entry)] as const)
  return {
    hasInstallScripts: entries.some(([, fields]) => fields.get('hasInstallScript') === true),
    packages: new Map(entries.map(([path, fields]) => [path, { integrity: integrityOf(fields) }])),
  }
}

/** A package at the top of the tree. */
export function lockedPackage({ packages }: PackageLock, name: string): LockedPackage {
  return packages.get(`node_modules/${name}`) ?? { integrity: undefined }
}

function integrityOf(fields: ReadonlyMap<string, unknown>): string | undefined {
  const [integrity, resolved] = [fields.get('integrity'), fields.get('resolved')]
  const commit = typeof resolved === 'string' ? /^git.*#([0-9a-f]{40,})$/.exec(resolved)?.[1] : undefined
  return commit ?? (typeof integrity === 'string' ? integrity : undefined)
}

function fieldsOf(entry: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof entry === 'object' && entry !== null ? Object.entries(entry) : [])
}
