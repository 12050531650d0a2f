import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { caseCatalogue } from './case-catalogue.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

it('the README lists every case with its law, in order, and nothing else', () => {
  const documented = [...readme.matchAll(/^\| `([A-Z]+(?:-[A-Z]+)*-\d\d)` *\| (.*?) *\|$/gm)].map(([, id, law]) => ({
    id,
    law,
  }))
  expect(documented).toEqual(caseCatalogue().map(({ id, law }) => ({ id, law })))
})

it('no two cases have one id, and every id is well formed', () => {
  const ids = caseCatalogue().map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^(STOR-[A-Z]+|CODEC-[A-Z]+|RET|PKG)-\d\d$/)
})
