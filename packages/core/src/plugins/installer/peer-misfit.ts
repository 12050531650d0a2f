import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageFolder } from '../loader/installed-plugin-folder.ts'
import { NpmFailure, npmManifestPath } from './npm-program.ts'

/**
 * What npm should have said when an installed plugin is not for this walr; it does not in every case, such as a contract that was
 * there before the plugin.
 * @returns undefined when the plugin is for this walr, or does not say.
 */
export async function peerMisfit(folder: string, name: string, coreVersion: string): Promise<NpmFailure | undefined> {
  const content: unknown = JSON.parse(await readFile(join(packageFolder(folder, name), 'package.json'), 'utf8'))
  const { peerDependencies, version } = content as {
    readonly peerDependencies?: Readonly<Record<string, unknown>>
    readonly version?: unknown
  }
  const range = peerDependencies?.['@walr/core']
  if (goesWith(coreVersion, range)) return undefined
  return new NpmFailure('ERESOLVE', [`peer @walr/core@"${String(range)}" from ${name}@${String(version)}`])
}

/** Whether a peer range of `@walr/core` has a version in it, or says nothing, by npm's own rules. */
export function goesWith(coreVersion: string, range: unknown): boolean {
  return typeof range !== 'string' || satisfies(coreVersion, range)
}

function satisfies(version: string, range: string): boolean {
  const semver = createRequire(npmManifestPath())('semver') as {
    readonly satisfies: (version: string, range: string) => boolean
  }
  return semver.satisfies(version, range)
}
