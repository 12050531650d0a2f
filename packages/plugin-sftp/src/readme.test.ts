import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { optionDescriptions } from './option-descriptions.ts'

const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')

describe('the README', () => {
  it('has the table of options that the plugin describes', () => {
    const rows = optionDescriptions.map(({ name, type, summary, default: value, required, secret }) => {
      const kind = secret === true ? `${type}, secret` : type
      return `| \`${name}\` | ${kind} | ${required === true ? 'required' : (value ?? '')} | ${summary} |`
    })
    const section = readme.slice(readme.indexOf('## Options'), readme.indexOf('## What is promised'))
    const table = section.split('\n').filter((line) => line.startsWith('| `'))
    expect(table.map((line) => line.replaceAll(/ +/g, ' '))).toEqual(rows.map((row) => row.replaceAll(/ +/g, ' ')))
  })
})
