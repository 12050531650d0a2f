import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { OptionDescription } from '../../plugins/contract/index.ts'
import { pluginComment } from './plugin-comment.ts'

const options: readonly OptionDescription[] = [
  { name: 'bucket', type: 'string', summary: 'name of the bucket', required: true },
  { name: 'password', type: 'string', summary: 'Of the user.', required: true, secret: true },
  { name: 'region', type: 'string', summary: 'where it is', default: 'the nearest one' },
  { name: 'level', type: 'integer', summary: 'how much', default: '6' },
  { name: 'size', type: 'size', summary: 'of a part', default: '5MiB' },
  { name: 'endpoint', type: 'URL', summary: 'another server', default: 'AWS' },
  { name: 'mode', type: '"a: b" or "c"', summary: 'how', default: '${x}' },
  { name: 'role.name', type: 'string', summary: 'whose', required: true },
  { name: 'role.id', type: 'string', summary: 'of it', secret: true },
  { name: 'tags.more.deep', type: 'string', summary: 'deep: # "inside"\nand over lines' },
]
const plugin = { name: '@acme/walr-plugin-x', version: '1.2.3', options }
const uncommented = (lines: readonly string[]): unknown =>
  parse(lines.map((line) => line.replace(/^# ?/, '')).join('\n'))
const entry = {
  use: '@acme/walr-plugin-x',
  bucket: null,
  password: '${file:/run/secrets/password}',
  role: { name: null },
}

describe('the comment of a plugin', () => {
  it('says how it is used, with every option, its type and its default', () => {
    expect(pluginComment({ ...plugin, provides: ['storage'] }).join('\n')).toBe(
      `
## @acme/walr-plugin-x 1.2.3 (storage) is used so; what goes into a section that the file has already is to be put
## there.
# archive:
#   storage:
#     use: "@acme/walr-plugin-x"
#     # string, required: name of the bucket
#     bucket:
#     # string, required, secret: Of the user.
#     password: "\${file:/run/secrets/password}"
#     # string: where it is; default: the nearest one
#     # region:
#     # integer: how much
#     # level: 6
#     # size: of a part
#     # size: 5MiB
#     # URL: another server; default: AWS
#     # endpoint:
#     # "a: b" or "c": how
#     # mode: "$\${x}"
#     role:
#       # string, required: whose
#       name:
#       # string, secret: of it
#       # id: "\${file:/run/secrets/id}"
#     # tags:
#     #   # more:
#     #   #   # string: deep: # "inside" and over lines
#     #   #   # deep:`.trimStart(),
    )
  })

  it.each([
    [['storage'], { archive: { storage: entry } }],
    [['codec'], { archive: { codecs: [entry] } }],
    [['retention'], { retention: entry }],
    [['retention', 'codec', 'storage'], { archive: { storage: entry, codecs: [entry] }, retention: entry }],
  ] as const)('that provides %j is YAML with an entry for each hook when it is uncommented', (provides, expected) => {
    expect(uncommented(pluginComment({ ...plugin, provides }))).toEqual(expected)
  })

  it('is YAML, and as wide as a page, whatever the texts of a plugin are', () => {
    const strange = [
      '# x',
      '- x',
      'a: b',
      '"',
      "'",
      '|',
      '&x',
      '!x',
      '%',
      '@x',
      '`',
      'null',
      '0x1',
      'x\n  y: z',
      '{',
      '[a',
      '~',
      '',
    ]
    for (const text of strange) {
      const odd = { name: text, type: text, summary: `${text} `.repeat(60), default: text, required: true }
      const lines = pluginComment({ name: text, version: undefined, options: [odd], provides: ['storage'] })
      expect(uncommented(lines)).toMatchObject({ archive: { storage: { use: text } } })
      for (const line of lines) expect(line).toMatch(/^#.{0,119}$/)
    }
  })

  it('says of a retention policy that this walr has no use for it yet', () => {
    const note = '# # Not yet: this version of walr does not have the section "retention", and refuses it.'
    expect(pluginComment({ ...plugin, provides: ['retention'] })).toContain(note)
    expect(pluginComment({ ...plugin, provides: ['codec'] })).not.toContain(note)
  })

  it('has no control characters, whatever the texts of a plugin are', () => {
    for (const text of ['\u001b[31m', '\u009b2J', '\u0007', '\u007f', '\u202e', 'x\u001b', '\u2028a']) {
      const odd = { name: text, type: text, summary: text, default: text, required: true }
      const named = { name: `${text}.${text}`, type: 'string', summary: 'x', secret: true }
      const lines = pluginComment({ name: 'x', version: text, options: [odd, named], provides: ['storage', 'codec'] })
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Zl}\u202e]/u)
    }
  })
})
