import { dirname, resolve } from 'node:path'
import { configError } from './config-fault.ts'
import { isSection, toConfigTree } from './config-tree.ts'
import { expandTree } from './expand-tree.ts'
import { readConfigFile } from './read-config-file.ts'
import { readSecretFile } from './read-secret-file.ts'

/** What `restore-command` has to know of a configuration before it needs all of it. */
export interface ReceivePlaces {
  /** `receive.directory`, absolute; undefined when the file does not name one. */
  readonly directory: string | undefined
  /** False when certainly no archive is configured, neither in the file nor in the environment. */
  readonly mayHaveArchive: boolean
}

/**
 * Reads `receive.directory` of a configuration file and checks nothing else of it: `restore-command` starts once for each
 * WAL file, and loading the schema would double the time of that.
 * @param file absolute.
 * @throws WalrError WALR_CONFIG
 */
export async function readReceiveDirectory(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReceivePlaces> {
  const { tree } = toConfigTree((await readConfigFile(file)).value)
  const { receive } = tree
  const mayHaveArchive =
    Object.hasOwn(tree, 'archive') || Object.keys(environment).some((name) => name.startsWith('WALR_ARCHIVE_'))
  if (!isSection(receive) || !Object.hasOwn(receive, 'directory')) return { directory: undefined, mayHaveArchive }
  const baseDirectory = dirname(file)
  const sources = { environment, readSecret: (path: string) => readSecretFile(path, baseDirectory) }
  const { faults } = await expandTree(tree, sources, (path) => path === 'receive.directory')
  if (faults.length > 0) throw configError(faults, file)
  const { directory } = receive
  if (typeof directory === 'string' && directory !== '') {
    return { directory: resolve(baseDirectory, directory), mayHaveArchive }
  }
  throw configError([{ path: 'receive.directory', message: 'must be the path of a directory' }], file)
}
