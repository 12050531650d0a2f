/**
 * Writes the parts of the documentation that are made from the source: `node scripts/docs.ts`.
 * With `--check` it writes nothing, and fails when a file is not what it would write.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configurationPage } from './docs/configuration-page.ts'
import { errorsPage } from './docs/errors-page.ts'

const root = join(import.meta.dirname, '..')
const pages = [
  { path: 'docs/errors.md', text: await errorsPage() },
  { path: 'docs/configuration.md', text: await configurationPage() },
]
const check = process.argv.includes('--check')

for (const { path, text } of pages) {
  const file = join(root, path)
  if (!check) {
    await writeFile(file, text)
    console.log(`wrote ${path}`)
  } else if ((await readFile(file, 'utf8').catch(() => undefined)) !== text) {
    console.error(`${path} does not fit the source it is made from. Run "npm run docs:write" and commit the result.`)
    process.exitCode = 1
  }
}
