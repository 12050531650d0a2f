import { join } from 'node:path'
import { cleanEnvironment } from '../test/support/clean-environment.ts'
import { findClientProgram } from '../test/support/postgres-binaries.ts'
import type { PostgresCluster } from '../test/support/postgres-cluster.ts'

/** A WAL receiver that is measured: how it is called, up to the options that both understand. */
export interface Contestant {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  /** More environment for the next run. */
  readonly environment?: () => Readonly<Record<string, string>>
}

/** The contestant with this name. */
export function contestant(name: 'pg_receivewal' | 'walr'): Contestant {
  if (name === 'walr') {
    const walr = join(import.meta.dirname, '../packages/core/bin/walr')
    return { name: 'walr receive', program: walr, args: ['receive'] }
  }
  const program = findClientProgram('pg_receivewal')
  if (program === undefined)
    throw new Error('pg_receivewal is not installed: run npm test as root, or install postgresql')
  return { name, program, args: [] }
}

/** Environment of a contestant that is to receive from `cluster`. */
export function environmentFor(
  cluster: PostgresCluster,
  more: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  return cleanEnvironment({ WALR_NODE: process.execPath, ...cluster.clientEnvironment, ...more })
}
