import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findClientProgram } from '../test/support/postgres-binaries.ts'

/** A program that the tests run beside what npm installs, and the Debian package that has it. */
interface Prerequisite {
  readonly program: string
  readonly debianPackage: string
}

const PREREQUISITES: readonly Prerequisite[] = [
  { program: 'postgres', debianPackage: 'postgresql' },
  { program: 'pg_receivewal', debianPackage: 'postgresql-client' },
  { program: 'pg_basebackup', debianPackage: 'postgresql-client' },
  { program: 'pg_waldump', debianPackage: 'postgresql' },
  { program: 'pgbench', debianPackage: 'postgresql' },
  { program: 'openssl', debianPackage: 'openssl' },
  { program: 'gzip', debianPackage: 'gzip' },
  { program: 'lz4', debianPackage: 'lz4' },
  { program: 'zstd', debianPackage: 'zstd' },
  { program: 'setpriv', debianPackage: 'util-linux' },
  { program: 'mount', debianPackage: 'mount' },
  { program: 'git', debianPackage: 'git' },
  { program: 'sshd', debianPackage: 'openssh-server' },
  { program: 'sftp', debianPackage: 'openssh-client' },
  { program: 'apache2', debianPackage: 'apache2-bin' },
  { program: 'ceph-mon', debianPackage: 'ceph-mon' },
  { program: 'ceph-osd', debianPackage: 'ceph-osd' },
  { program: 'radosgw', debianPackage: 'radosgw' },
]

/** Debian's package creates and starts a cluster unless a file here says no (postgresql-common, pg_createcluster(1)). */
const CREATE_CLUSTER_DIRECTORY = '/etc/postgresql-common/createcluster.d'

/**
 * Makes sure that every program is there which the tests need beyond npm's packages. Root installs what is missing with
 * apt-get and says so; anybody else is told what to install.
 * @returns false when something is missing in the end.
 */
export function ensurePrerequisites(): boolean {
  const missing = missingPackages()
  if (missing.length === 0) return true
  const command = `apt-get install --yes --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !isDebian()) {
    console.error(`The tests need programs that are not installed. On Debian, root installs them with:\n  ${command}`)
    return false
  }
  console.log(`The tests need programs that are not installed. Installing them: ${command}`)
  installPackages(missing)
  const stillMissing = missingPackages()
  if (stillMissing.length > 0) console.error(`Still missing after the installation: ${stillMissing.join(' ')}`)
  return stillMissing.length === 0
}

function missingPackages(): readonly string[] {
  const missing = PREREQUISITES.filter(({ program }) => !isInstalled(program))
  return [...new Set(missing.map(({ debianPackage }) => debianPackage))]
}

function isInstalled(program: string): boolean {
  const directories = ['/usr/sbin', '/sbin', ...(process.env['PATH'] ?? '').split(delimiter)]
  return (
    findClientProgram(program) !== undefined || directories.some((directory) => existsSync(join(directory, program)))
  )
}

function isDebian(): boolean {
  return existsSync('/usr/bin/apt-get') && /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'))
}

function installPackages(names: readonly string[]): void {
  const noCluster = join(CREATE_CLUSTER_DIRECTORY, 'walr-tests.conf')
  mkdirSync(CREATE_CLUSTER_DIRECTORY, { recursive: true })
  writeFileSync(noCluster, 'create_main_cluster = false\n')
  try {
    aptGet('update')
    aptGet('install', '--yes', '--no-install-recommends', ...names)
  } finally {
    rmSync(noCluster)
  }
}

function aptGet(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', ['--quiet', ...args], { stdio: ['ignore', 'inherit', 'inherit'], env })
  if (status !== 0) console.error(`apt-get ${args.join(' ')} failed`)
}
