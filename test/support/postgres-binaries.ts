import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { reachableDirectory } from './stage-for-user.ts'

/**
 * A major version of the PostgreSQL that npm installs (server programs only), or `debian`: the newest that Debian's packages
 * installed, whatever its major is (15 on Debian 12).
 */
export type PostgresVersion = 13 | 14 | 15 | 16 | 17 | 18 | 'debian'

/** Every version that npm installs here. */
export const EMBEDDED_VERSIONS: readonly (13 | 14 | 15 | 16 | 17 | 18)[] = [13, 14, 15, 16, 17, 18]

const DEBIAN_ROOT = '/usr/lib/postgresql'
const nodeModules = join(import.meta.dirname, '..', '..', 'node_modules')

/** The folder with `postgres` and `initdb` of that version, where the user that runs PostgreSQL can execute them. */
export function serverBinDirectory(version: PostgresVersion): string {
  if (version === 'debian') {
    const found = debianBinDirectories().find((directory) => existsSync(join(directory, 'postgres')))
    if (!found)
      throw new Error(`no PostgreSQL server below ${DEBIAN_ROOT}: install postgresql (npm test does it as root)`)
    return found
  }
  const native = join(nodeModules, `pg${version}`, 'native')
  if (!existsSync(join(native, 'bin/postgres'))) {
    throw new Error(`PostgreSQL ${version} is not installed in node_modules/pg${version}: run npm ci (linux-x64 only)`)
  }
  return join(reachableDirectory(native, 'bin/postgres'), 'bin')
}

/** A client program of PostgreSQL such as `pg_receivewal`: the newest that Debian has, else the one on the PATH. */
export function findClientProgram(name: string): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')
  return [...debianBinDirectories(), ...onPath]
    .map((directory) => join(directory, name))
    .find((program) => existsSync(program))
}

function debianBinDirectories(): readonly string[] {
  if (!existsSync(DEBIAN_ROOT)) return []
  return readdirSync(DEBIAN_ROOT)
    .filter((major) => /^\d+$/.test(major))
    .sort((a, b) => Number(b) - Number(a))
    .map((major) => join(DEBIAN_ROOT, major, 'bin'))
}
