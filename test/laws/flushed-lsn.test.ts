import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'

const repository = join(import.meta.dirname, '../..')
const source = join(repository, 'packages/core/src')

/** What the project's rules say about `text` in place of the contents of that file. */
async function restricted(file: string, text: string): Promise<string[]> {
  // In CI typescript-eslint assumes that what it lints is what is on the disk.
  const languageOptions = { parserOptions: { disallowAutomaticSingleRunInference: true } }
  const eslint = new ESLint({ cwd: repository, overrideConfig: { languageOptions } })
  const [result] = await eslint.lintText(text, { filePath: join(source, file) })
  return (result?.messages ?? [])
    .filter(({ ruleId }) => ruleId === 'no-restricted-syntax')
    .map(({ message }) => message)
}

describe('law 1: only the segment writer makes a FlushedLsn', () => {
  const cast = `import type { FlushedLsn } from '../wal/lsn.ts'\nexport const lie = 0n as FlushedLsn\n`

  it('the lint rule refuses the cast elsewhere', async () => {
    expect(await restricted('replication/standby-status.ts', cast)).toHaveLength(1)
    expect(await restricted('wal/segment-store.ts', cast.replace('../wal/', './'))).toHaveLength(1)
  })

  it('nobody else has it, and no comment switches the rule off', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
    const makers = files.filter((name) => readFileSync(join(source, name), 'utf8').includes('as FlushedLsn'))
    expect(makers.filter((name) => !name.endsWith('.test.ts'))).toEqual(['wal/segment-writer.ts'])
    const silenced = files.filter((name) =>
      /eslint-disable.*no-restricted-syntax/.test(readFileSync(join(source, name), 'utf8')),
    )
    expect(silenced).toEqual([])
  })
})
