import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { redact } from '../../telemetry/redact.ts'

/** How npm is run. */
export interface NpmOptions {
  /** Absolute; npm's prefix, and where it runs. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Ends npm, and all that it has started. */
  readonly signal: AbortSignal
  /** Gets each line that npm or a script of a package writes, without secrets in URLs; undefined: npm is quiet. */
  readonly onLine: ((line: string) => void) | undefined
}

/** What npm said before it failed. */
export class NpmFailure extends Error {
  /** npm's own, such as `E404`, `ERESOLVE` or `ENOSPC`. */
  readonly code: string | undefined
  /** Its lines about the error. */
  readonly lines: readonly string[]

  constructor(code: string | undefined, lines: readonly string[]) {
    super(lines.join('; '))
    this.code = code
    this.lines = lines
  }
}

/** These hold whatever the user's `.npmrc` says: the folder is made by npm, in one piece, and peers count. */
const fixedFlags = [
  ...['--global=false', '--workspaces=false', '--dry-run=false', '--package-lock=true', '--package-lock-only=false'],
  ...['--install-strategy=hoisted', '--install-links', '--legacy-peer-deps=false', '--force=false', '--omit=dev'],
  ...['--audit=false', '--fund=false', '--update-notifier=false', '--progress=false', '--yes'],
  // npm's logs are for everybody to read, and have the address of the registry with its password.
  '--logs-max=0',
] as const

/** npm's own defaults keep somebody in front of a terminal for a minute when a registry is down. */
const patience = {
  npm_config_fetch_retries: '2',
  npm_config_fetch_retry_mintimeout: '500',
  npm_config_fetch_retry_maxtimeout: '5000',
  npm_config_fetch_timeout: '60000',
} as const

const KILL_MS = 3000
const CLOSE_MS = 1000

/**
 * Runs the npm that is a part of walr, and waits until it has ended.
 * @returns what it wrote to its standard output.
 * @throws NpmFailure; the reason of the signal.
 */
export async function runNpm(args: readonly string[], options: NpmOptions): Promise<string> {
  const { folder, environment, signal, onLine } = options
  signal.throwIfAborted()
  const loglevel = onLine === undefined ? '--loglevel=error' : '--loglevel=http'
  const more = onLine === undefined ? [] : ['--foreground-scripts']
  const flags = ['--prefix', folder, loglevel, ...fixedFlags, ...more]
  const child = spawn(process.execPath, ['--import', guardUrl(), npmPath(), ...args, ...flags], {
    cwd: folder,
    env: npmEnvironment(environment),
    // The last one is for the guard: the system closes it when walr ends in whatever way.
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // A group of its own, so that scripts of packages end with it, and Ctrl-C reaches walr alone.
    detached: true,
  })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('npm has no pipes')
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const closed = once(child, 'close')
  const lines: string[] = []
  const output: string[] = []
  createInterface({ input: stdout }).on('line', (line) => {
    output.push(line)
  })
  createInterface({ input: stderr }).on('line', (line) => {
    lines.push(redact(line))
    onLine?.(redact(line))
  })
  let kill: NodeJS.Timeout | undefined
  const stop = (): void => {
    killGroup(child.pid, 'SIGTERM')
    kill = setTimeout(() => {
      killGroup(child.pid, 'SIGKILL')
    }, KILL_MS)
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    const [status, signalName] = await exited
    if (signal.aborted) {
      // Nothing that npm started may go on writing into a folder that is about to be removed.
      killGroup(child.pid, 'SIGKILL')
      throw signal.reason
    }
    // What a script has left running may hold the pipes open.
    await Promise.race([closed, delay(CLOSE_MS, undefined, { ref: false })])
    if (status !== 0) throw failureOf(lines, status === null ? `npm was ended by ${String(signalName)}` : undefined)
    return output.join('\n')
  } finally {
    clearTimeout(kill)
    signal.removeEventListener('abort', stop)
    closed.catch(() => undefined)
    for (const pipe of child.stdio) pipe?.destroy()
  }
}

function guardUrl(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./npm-guard.${extension}`, import.meta.url).href
}

function npmPath(): string {
  return join(dirname(npmManifestPath()), 'bin/npm-cli.js')
}

/** The package.json of the npm that is a part of walr. */
export function npmManifestPath(): string {
  return fileURLToPath(import.meta.resolve('npm/package.json'))
}

/**
 * Scripts of packages find the Node that walr runs with. A registry goes by way of the environment: npm shows its arguments to
 * everybody, and a URL may have a password in it.
 */
function npmEnvironment(environment: NpmOptions['environment']): NodeJS.ProcessEnv {
  const { WALR_NPM_REGISTRY: registry = '', PATH = '' } = environment
  const path = [dirname(process.execPath), PATH].filter((part) => part !== '').join(delimiter)
  const inherited = Object.entries(environment).filter(
    ([name]) => registry === '' || name.toLowerCase() !== 'npm_config_registry',
  )
  const named = registry === '' ? {} : { npm_config_registry: registry }
  return { ...patience, ...Object.fromEntries(inherited), ...named, PATH: path }
}

function killGroup(pid: number | undefined, signalName: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signalName)
  } catch {
    // it has ended by itself
  }
}

/** npm's lines about its error begin alike; the last ones tell of a log file. */
function failureOf(lines: readonly string[], otherwise: string | undefined): NpmFailure {
  const about = lines
    .flatMap((line) => /^npm (?:error|ERR!) ?(.*)$/.exec(line)?.slice(1) ?? [])
    .filter((line) => line.trim() !== '' && !/complete log of this run|Log files were not written/.test(line))
  const code = about.map((line) => /^code (\S+)$/.exec(line)?.[1]).find((found) => found !== undefined)
  // Some codes stand before each line once more: "404  The requested resource ...".
  const rest = about
    .filter((line) => !/^(?:code|errno) \S+$/.test(line))
    .map((line) => line.replace(/^(?:\d{3}|E[A-Z]+|code|notarget|network|git)(?:\s+|$)/, ''))
    .filter((line) => line !== '')
  const said = rest.length > 0 ? rest : lines.slice(-10)
  return new NpmFailure(code, said.length > 0 ? said : [otherwise ?? 'npm failed without a word'])
}
