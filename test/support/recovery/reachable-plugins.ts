import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { reachableDirectory } from '../stage-for-user.ts'

const packages = join(import.meta.dirname, '../../../packages')

/** Makes plugins of the workspace resolvable from `folder`, as "npm install" would, for the user that runs PostgreSQL. */
export function installReachablePlugins(folder: string, names: readonly string[]): void {
  const modules = join(folder, 'node_modules/@walr')
  mkdirSync(modules, { recursive: true })
  for (const name of names) {
    symlinkSync(reachablePackage(join(packages, name)), join(modules, name))
  }
}

const reachable = new Map<string, string>()

/** The package in `root`; a copy of it and of all that it needs, when that user cannot reach it. */
function reachablePackage(root: string): string {
  const known = reachable.get(root)
  if (known !== undefined) return known
  const place = reachableDirectory(root, '.')
  if (place !== root) for (const dependency of dependencies(root)) reachableDirectory(dependency, '.')
  reachable.set(root, place)
  return place
}

/** The folders of all packages that the one in `root` needs when it runs, and those through which Node finds them. */
function dependencies(root: string): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (directory: string): void => {
    for (const name of dependencyNames(directory)) {
      const place = findPackage(name, directory)
      if (place === undefined || found.has(place)) continue
      found.add(place)
      const real = realpathSync(place) // a package of the workspace is a link
      found.add(real)
      visit(real)
    }
  }
  visit(root)
  return found
}

function dependencyNames(directory: string): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Record<
    string,
    object | undefined
  >
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) => Object.keys(manifest[key] ?? {}))
}

function findPackage(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (at === dirname(at)) return undefined
  }
}
