import { builtinModules } from 'node:module'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import { WalrError } from '../../errors/walr-error.ts'

const LONGEST = 214
/** Packages of walr that a plugin's package has beside itself. */
const taken = ['@walr/core', '@walr/plugin-kit', '@walr/plugin-testkit']
const part = /^[a-z0-9][a-z0-9._-]*$/

/**
 * The name that a plugin's folder has: that of its package without the scope.
 * @throws WalrError WALR_USAGE, with the reason, for a name that npm or walr would refuse.
 */
export function folderOfPlugin(name: string): string {
  const fault = faultOf(name)
  if (fault !== undefined) {
    throw new WalrError('WALR_USAGE', `"${name}" cannot be the name of a plugin's package: ${fault}`, {
      hint: 'Names look like "walr-plugin-example" or "@acme/walr-plugin-example".',
    })
  }
  return name.replace(/^@[^/]*\//, '')
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'it is empty'
  if (name.length > LONGEST) return `it has ${name.length} characters, and npm allows ${LONGEST}`
  if (name !== name.toLowerCase()) return 'it has capital letters'
  const parts = name.startsWith('@') ? name.slice(1).split('/') : [name]
  if (name.startsWith('@') && parts.length !== 2) return 'a scope is followed by "/" and one more part'
  if (!parts.every((one) => part.test(one))) {
    return 'its parts consist of small letters, digits, "-", "_" and "." and begin with a letter or a digit'
  }
  if (['node_modules', 'favicon.ico'].includes(name) || builtinModules.includes(name)) return 'Node uses it itself'
  if (taken.includes(name)) return 'a part of walr is called so'
  return BUILTIN_PLUGINS.some((plugin) => plugin.name === name)
    ? 'a plugin that walr has built in is called so'
    : undefined
}
