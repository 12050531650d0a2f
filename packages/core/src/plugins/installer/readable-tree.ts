import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

const FOLDER = 0o755
const FILE = 0o644

/** Lets everybody read a folder and all below it, and its owner alone write, whatever umask it was made with. */
export async function makeTreeReadable(folder: string): Promise<void> {
  await chmod(folder, FOLDER)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await makeTreeReadable(path)
    else if (entry.isFile()) {
      const executable = (await stat(path)).mode & 0o111
      await chmod(path, executable ? FOLDER : FILE)
    }
  }
}
