import { PLUGIN_API_VERSION } from '../loader/plugin-manifest.ts'
import { npmError } from './npm-error.ts'
import { NpmFailure, runNpm, type NpmOptions } from './npm-program.ts'
import { goesWith } from './peer-misfit.ts'
import type { PluginSpec } from './plugin-spec.ts'

/**
 * Versions of a package in the registry that are in the range of `spec` that speak this walr's plugin API and have it in their
 * peer range, the newest first. What is newer than the tag `latest` counts only when the range asks for it. Empty when the registry does not tell.
 * @param coreVersion that of this walr.
 * @throws WalrError WALR_PLUGIN
 */
export async function fittingVersions(
  spec: PluginSpec & { readonly name: string },
  coreVersion: string,
  npm: NpmOptions,
): Promise<readonly string[]> {
  const isBare = spec.text === spec.name
  // Of "*" npm would tell the version `latest` alone.
  const asked = isBare ? `${spec.name}@>=0` : spec.text
  const output = await runNpm(['view', asked, 'version', 'walr', 'peerDependencies', 'dist-tags', '--json'], npm).catch(
    (error: unknown) => {
      if (error instanceof NpmFailure) throw npmError(error, spec, coreVersion)
      throw error
    },
  )
  const rows = rowsOf(output)
  const latest = isBare ? rows.findIndex(({ version, latest }) => version === latest) : -1
  return (latest < 0 ? rows : rows.slice(0, latest + 1))
    .filter(({ apiVersion }) => apiVersion === undefined || apiVersion === PLUGIN_API_VERSION)
    .filter(({ coreRange }) => goesWith(coreVersion, coreRange))
    .map(({ version }) => version)
    .reverse()
}

interface Row {
  readonly version: string
  readonly latest: unknown
  readonly apiVersion: unknown
  /** Of its peer dependency on walr. */
  readonly coreRange: unknown
}

/** npm writes a list, ordered by version, or a single thing; nothing when no version is in the range. */
function rowsOf(output: string): readonly Row[] {
  if (output.trim() === '') return []
  const content: unknown = JSON.parse(output)
  const items: readonly unknown[] = Array.isArray(content) ? content : [content]
  return items.flatMap((item) => {
    if (typeof item !== 'object' || item === null) return []
    const { version, walr, peerDependencies: peers, 'dist-tags': tags } = item as Readonly<Record<string, unknown>>
    if (typeof version !== 'string') return []
    const [latest, apiVersion] = [property(tags, 'latest'), property(walr, 'apiVersion')]
    return [{ version, latest, apiVersion, coreRange: property(peers, '@walr/core') }]
  })
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}
