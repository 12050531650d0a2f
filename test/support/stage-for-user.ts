import {
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  chmodSync,
  existsSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { makeScratch } from './scratch.ts'
import { canExecute, unprivilegedUser } from './unprivileged-user.ts'

const repository = join(import.meta.dirname, '..', '..')
let scratchPath: string | undefined
let stagedWalr: WalrProgram | undefined

/** How another program, such as PostgreSQL's `restore_command`, calls walr. */
export interface WalrProgram {
  /** For the environment variable `WALR_NODE`. */
  readonly nodePath: string
  readonly walrPath: string
}

/**
 * `directory`, or a copy of it when the user that runs PostgreSQL cannot reach it (a checkout below /root). `program` is a
 * path inside of it that this user has to be able to execute.
 */
export function reachableDirectory(directory: string, program: string): string {
  if (canExecute(join(directory, program), unprivilegedUser())) return directory
  return stage(directory)
}

/** Node and the built walr, at paths that the user that runs PostgreSQL can execute. */
export function reachableWalr(): WalrProgram {
  const direct: WalrProgram = { nodePath: process.execPath, walrPath: join(repository, 'packages/core/bin/walr') }
  const user = unprivilegedUser()
  if (canExecute(direct.nodePath, user) && canExecute(direct.walrPath, user)) return direct
  stagedWalr ??= stageWalr()
  return stagedWalr
}

/** `restore_command` (or the like) that runs walr with these arguments by absolute paths. */
export function walrCommandLine(args: string): string {
  const { nodePath, walrPath } = reachableWalr()
  return `WALR_NODE="${nodePath}" "${walrPath}" ${args}`
}

function stageWalr(): WalrProgram {
  const core = join(repository, 'packages/core')
  for (const part of ['bin', 'dist', 'package.json', 'oclif.manifest.json']) {
    if (existsSync(join(core, part))) stage(join(core, part))
  }
  for (const directory of dependencyDirectories(core)) stage(directory)
  const nodePath = join(stage(dirname(process.execPath)), 'node')
  return { nodePath, walrPath: join(stagedPath(core), 'bin/walr') }
}

/** Directories of all packages that the package in `root` needs when it runs, found the way Node finds them. */
function dependencyDirectories(root: string): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (directory: string): void => {
    for (const name of Object.keys(readDependencies(directory))) {
      const place = resolvePackage(name, directory)
      if (place && !found.has(place)) {
        found.add(place)
        visit(place)
      }
    }
  }
  visit(root)
  return found
}

function readDependencies(directory: string): object {
  const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  if (typeof manifest !== 'object' || manifest === null) return {}
  const sections = manifest as { dependencies?: object; optionalDependencies?: object }
  return { ...sections.optionalDependencies, ...sections.dependencies }
}

function resolvePackage(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (at === dirname(at)) return undefined
  }
}

/** Copies a file or tree to the same relative place below the staging folder, readable by everybody. Idempotent. */
function stage(source: string): string {
  const target = stagedPath(source)
  if (!existsSync(target)) {
    makeReadableDirectory(dirname(target))
    copyReadable(source, target)
  }
  return target
}

function stagedPath(source: string): string {
  scratchPath ??= makeScratch('stage').path
  const inside = relative(repository, source)
  return join(scratchPath, inside.startsWith('..') ? join('outside', inside.replaceAll('../', '')) : inside)
}

function makeReadableDirectory(path: string): void {
  if (existsSync(path)) return
  makeReadableDirectory(dirname(path))
  mkdirSync(path)
  chmodSync(path, 0o755) // whatever the umask is
}

/** Hard links where a file is readable by everybody as it is, which costs neither time nor room; copies elsewhere. */
function copyReadable(source: string, target: string): void {
  const stats = lstatSync(source)
  if (stats.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
  else if (stats.isDirectory()) {
    makeReadableDirectory(target)
    for (const name of readdirSync(source)) copyReadable(join(source, name), join(target, name))
  } else if (stats.isFile()) {
    if ((stats.mode & 0o004) === 0 || !tryLink(source, target)) {
      cpSync(source, target)
      chmodSync(target, (stats.mode & 0o777) | 0o444 | (stats.mode & 0o100 ? 0o111 : 0))
    }
  }
}

function tryLink(source: string, target: string): boolean {
  try {
    linkSync(source, target)
    return true
  } catch {
    return false // another file system
  }
}
