import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SETTINGS } from '../../packages/core/src/config/setting-table.ts'
import { ERROR_CODES } from '../../packages/core/src/errors/error-codes.ts'
import { readDocument } from './shell-blocks.ts'

const repository = join(import.meta.dirname, '../..')
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
  ...['packages', 'examples'].flatMap((folder) =>
    readdirSync(join(repository, folder))
      .map((name) => join(folder, name, 'README.md'))
      .filter((path) => existsSync(join(repository, path))),
  ),
]

/** As GitHub makes them from headings. */
function anchorsOf(document: string): readonly string[] {
  return [...document.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Variables that are no settings; the last is that of the reader in Python. */
const others = [
  ...['WALR_', 'WALR_ARCHIVE_', 'WALR_CONFIG', 'WALR_NODE', 'WALR_DATA_DIR', 'WALR_NPM_REGISTRY'],
  ...['WALR_SERVE_ADDR', 'WALR_SERVE_TOKEN_FILE', 'WALR_PASSPHRASE'],
]

/** Of a setting, an option, an item of a list, or one of those that are no settings. */
function isVariable(name: string): boolean {
  const known = SETTINGS.some(
    ({ kind, variable }) => name === variable || (kind !== 'scalar' && name.startsWith(`${variable}_`)),
  )
  return known || others.includes(name)
}

describe.each(documents)('%s', (path) => {
  const text = readDocument(path)

  it('links to files and headings that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map((match) => match[1] ?? '')
    for (const link of links) {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      expect(existsSync(join(repository, target)), `${path}: ${link}`).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(readDocument(target)), `${path}: ${link}`).toContain(anchor)
    }
  })

  it('names error codes and environment variables that walr has', () => {
    for (const [, name = ''] of text.matchAll(/`(WALR_[A-Z0-9_]*)(?:`|=)/g)) {
      expect(Object.hasOwn(ERROR_CODES, name) || isVariable(name), `${path}: ${name}`).toBe(true)
    }
  })
})
