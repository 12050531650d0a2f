import { readFile } from 'node:fs/promises'
import type { PluginApiVersion, PluginHook } from '../contract/index.ts'
import { reasonOf } from './plugin-faults.ts'
import { shownValue } from './shown-value.ts'

/** The version of the contract that this walr speaks. */
export const PLUGIN_API_VERSION: PluginApiVersion = 1

/** Of https://semver.org, which npm asks for as well, though not of what it gets from a file. */
const semanticVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

const hooks: readonly PluginHook[] = ['storage', 'codec', 'retention']

/** What a plugin's package.json says about it. */
export interface PluginManifest {
  readonly name: string
  /** Empty when the package has none. */
  readonly version: string
  readonly description: string
  readonly apiVersion: PluginApiVersion
  readonly provides: readonly PluginHook[]
}

/** Why a package is no plugin for this walr; the message is the part of a sentence after its name. */
export class UnusableManifest extends Error {}

/**
 * Reads the manifest in a package.json. Hooks that this walr does not know are left out.
 * @throws UnusableManifest
 */
export async function readManifest(packageFile: string): Promise<PluginManifest> {
  const content = fields(await readJson(packageFile))
  const { name, walr, version, description } = content ?? {}
  if (typeof name !== 'string' || name === '') throw new UnusableManifest(`has no "name" in "${packageFile}"`)
  const section = fields(walr)
  if (section === undefined) {
    throw new UnusableManifest(
      `is not a walr plugin: "${packageFile}" has no section "walr" with "apiVersion" and "provides"`,
    )
  }
  const { apiVersion, provides } = section
  const versionFault = apiVersionFault(apiVersion, name)
  if (versionFault !== undefined) throw new UnusableManifest(versionFault)
  if (!Array.isArray(provides) || provides.length === 0 || provides.some((hook) => typeof hook !== 'string')) {
    throw new UnusableManifest(`has no list "walr.provides" of hooks (${hooks.join(', ')}) in "${packageFile}"`)
  }
  if (version !== undefined && (typeof version !== 'string' || !semanticVersion.test(version))) {
    throw new UnusableManifest(
      `has the version ${shownValue(version)} in "${packageFile}", which is no version (it has to be like "1.0.0")`,
    )
  }
  return {
    name,
    version: typeof version === 'string' ? version : '',
    description: typeof description === 'string' ? description : '',
    apiVersion: PLUGIN_API_VERSION,
    provides: hooks.filter((hook) => provides.includes(hook)),
  }
}

/** What is wrong with the version of the contract that a plugin names, if anything. */
export function apiVersionFault(apiVersion: unknown, name: string): string | undefined {
  if (apiVersion === PLUGIN_API_VERSION) return undefined
  if (typeof apiVersion !== 'number' || !Number.isInteger(apiVersion)) {
    return `does not say which plugin API it speaks: its "apiVersion" is ${shownValue(apiVersion)}, not a number`
  }
  const remedy =
    apiVersion > PLUGIN_API_VERSION
      ? `Update walr, or install an older version of ${name}`
      : `Install a newer version of ${name}`
  return `speaks plugin API ${apiVersion}; this walr speaks ${PLUGIN_API_VERSION}. ${remedy}`
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown
  } catch (cause) {
    throw new UnusableManifest(`has no package.json that can be read ("${file}"): ${reasonOf(cause)}`, { cause })
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.fromEntries(Object.entries(value))
}
