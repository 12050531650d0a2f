import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { isWalrError } from '../../errors/walr-error.ts'
import { addPluginToConfig } from './add-plugin-to-config.ts'
import type { ConfigTextFormat } from './config-document.ts'
import { removePluginFromConfig } from './remove-plugin-from-config.ts'

const comment = ['## p, used so.', '# archive:', '#   storage:', '#     use: "p"']
const add = (text: string, name = 'p', format: ConfigTextFormat = 'yaml', lines: readonly string[] = []): string =>
  addPluginToConfig({ text, format, name, comment: lines })
const remove = (text: string, name = 'p', format: ConfigTextFormat = 'yaml'): string =>
  removePluginFromConfig({ text, format, name })

describe('a plugin is written into the list as the list is written', () => {
  it.each([
    ['no list', 'a: 1\n', 'a: 1\n\nplugins:\n  - "p"\n'],
    ['no list, no final newline', 'a: 1', 'a: 1\n\nplugins:\n  - "p"'],
    ['no list, CRLF', 'a: 1\r\n# c\r\n', 'a: 1\r\n# c\r\n\r\nplugins:\r\n  - "p"\r\n'],
    ['no list, document markers', '%YAML 1.2\n---\na: 1\n...\n', '%YAML 1.2\n---\na: 1\n\nplugins:\n  - "p"\n...\n'],
    ['no list, indented top level', '  a: 1\n  b: 2\n', '  a: 1\n  b: 2\n\n  plugins:\n    - "p"\n'],
    ['no list, BOM', '\uFEFFa: 1\n', '\uFEFFa: 1\n\nplugins:\n  - "p"\n'],
    ['no list, block scalar at the end', 'a:\n  b: |\n    x\n', 'a:\n  b: |\n    x\n\nplugins:\n  - "p"\n'],
    ['no list, newlines kept at the end', 'a:\n  b: |+\n    x\n\n', 'a:\n  b: |+\n    x\n\nplugins:\n  - "p"\n'],
    ['no list, open newlines kept', 'a:\n  b: |+\n    x', 'a:\n  b: |+\n    x\nplugins:\n  - "p"'],
    ['nothing', '', 'plugins:\n  - "p"\n'],
    ['nothing but comments', '# c\n', '# c\n\nplugins:\n  - "p"\n'],
    ['nothing but a marker', '---\n', '---\n\nplugins:\n  - "p"\n'],
    ['null', 'plugins:\na: 1\n', 'plugins: ["p"]\na: 1\n'],
    ['null with a comment', 'plugins: # none\na: 1\n', 'plugins: ["p"] # none\na: 1\n'],
    ['null in words', 'plugins: ~ # none\n', 'plugins: ["p"] # none\n'],
    ['empty list', 'plugins: [] # none\n', 'plugins: ["p"] # none\n'],
    ['empty list with a space', 'plugins: [ ]\n', 'plugins: [ "p" ]\n'],
    ['empty list over lines', 'plugins: [ # c\n ]\n', 'plugins: ["p" # c\n ]\n'],
    ['flow list', "plugins: ['a']\n", "plugins: ['a', 'p']\n"],
    ['flow list, plain', 'plugins: [ a,b ]\n', 'plugins: [ a,b,p ]\n'],
    ['flow list, comma at its end', 'plugins: ["a", "b",]\n', 'plugins: ["a", "b", "p",]\n'],
    [
      'flow list over lines',
      'plugins: [\n  "a", # c\n  "b" # d\n  ]\n',
      'plugins: [\n  "a", # c\n  "b", # d\n  "p"\n  ]\n',
    ],
    ['flow list over lines, comma', 'plugins: [\n  a,\n  b, # d\n  ]\n', 'plugins: [\n  a,\n  b, # d\n  p,\n  ]\n'],
    ['flow list with tabs', 'plugins:\t[\n  \t"a"\n  ]\n', 'plugins:\t[\n  \t"a",\n  \t"p"\n  ]\n'],
    [
      'block list',
      'plugins:\n  - "a"\n  # c\n  - \'b\' # d\nx: 1\n',
      "plugins:\n  - \"a\"\n  # c\n  - 'b' # d\n  - 'p'\nx: 1\n",
    ],
    ['block list, not indented', 'plugins:\n-   a\nx: 1\n', 'plugins:\n-   a\n-   p\nx: 1\n'],
    ['block list at an open end', 'plugins:\n  - "a"', 'plugins:\n  - "a"\n  - "p"'],
    ['block list, CRLF', 'plugins:\r\n  - "a"\r\nx: 1\r\n', 'plugins:\r\n  - "a"\r\n  - "p"\r\nx: 1\r\n'],
    ['braces', '{ a: 1 } # c\n', '{ a: 1, plugins: ["p"] } # c\n'],
    ['anchors elsewhere', 'a: &x { b: 1 }\nc: { <<: *x }\n', 'a: &x { b: 1 }\nc: { <<: *x }\n\nplugins:\n  - "p"\n'],
  ])('%s', (_, before, after) => {
    expect(add(before)).toBe(after)
    expect((parse(after.replace('\uFEFF', '')) as { plugins: unknown[] }).plugins).toContain('p')
  })

  it.each([
    ['{}', '{"plugins": ["p"]}'],
    ['', '{\n  "plugins": ["p"]\n}\n'],
    ['{"a":1,"b":2}', '{"a":1,"b":2,"plugins": ["p"]}'],
    ['{\n\t"a": {\n\t\t"b": 1\n\t}\n}\n', '{\n\t"a": {\n\t\t"b": 1\n\t},\n\t"plugins": ["p"]\n}\n'],
    ['{\r\n  "plugins": [\r\n    "a"\r\n  ]\r\n}', '{\r\n  "plugins": [\r\n    "a",\r\n    "p"\r\n  ]\r\n}'],
    ['{ "plugins": null }', '{ "plugins": ["p"] }'],
  ])('in JSON, also in a file without an ending: %j', (before, after) => {
    expect(add(before, 'p', 'json', comment)).toBe(after)
    if (before !== '') expect(add(before, 'p', 'yaml', comment)).toBe(after)
  })

  it('in a package.json under "walr"', () => {
    const before = '{\n  "name": "x",\n  "plugins": [],\n  "walr": {\n    "cluster": "a"\n  }\n}\n'
    const after =
      '{\n  "name": "x",\n  "plugins": [],\n  "walr": {\n    "cluster": "a",\n    "plugins": ["p"]\n  }\n}\n'
    expect(add(before, 'p', 'package.json', comment)).toBe(after)
    expect(remove(after, 'p', 'package.json')).toBe(before.replace('"a"\n', '"a",\n    "plugins": []\n'))
  })

  it('quoted where it has to be, and so that walr reads it as it is', () => {
    expect(add('plugins: [a]\n', '@walr/p')).toBe('plugins: [a, "@walr/p"]\n')
    expect(add("plugins: ['a']\n", "./it's ${X}")).toBe("plugins: ['a', './it''s $${X}']\n")
    expect(remove("plugins: ['a', './it''s $${X}']\n", "./it's ${X}")).toBe("plugins: ['a']\n")
  })

  it('once', () => {
    const text = 'plugins: [p]\n'
    expect(add(text, 'p', 'yaml', comment)).toBe(text)
  })
})

describe('the comment of a plugin', () => {
  const commented = add('a: 1\n', 'p', 'yaml', comment)

  it('is at the end of the file, also before the end of a document', () => {
    expect(commented).toMatch(/^a: 1\n\nplugins:\n {2}- "p"\n\n## p, used so\.\n(# .*\n){3}## End of "p"\. .*\n$/)
    expect(add('a: 1\n...\n', 'p', 'yaml', comment)).toBe(`${commented}...\n`)
  })

  it('is removed with the plugin, whatever was written around it', () => {
    expect(remove(commented)).toBe('a: 1\n')
    expect(remove(commented.replaceAll('\n', '\r\n'))).toBe('a: 1\r\n')
    expect(remove(`# first\n${commented}# my own\nb: 2\n`)).toBe('# first\na: 1\n\n# my own\nb: 2\n')
  })

  it('stays when somebody changed it', () => {
    const changed = commented.replace('#     use: "p"', '#     use: "q"')
    expect(remove(changed)).toBe(changed.replace('plugins:\n  - "p"\n\n', ''))
    expect(remove(commented.replace('# archive:', 'archive:'))).toContain('#     use: "p"')
  })

  it('is not written twice', () => {
    const changed = commented.replace('plugins:\n  - "p"\n', 'plugins: []\n').replace('"p"', '"q"')
    expect(add(changed, 'p', 'yaml', comment)).toBe(changed.replace('[]', '["p"]'))
  })
})

describe('a plugin is taken out of the list', () => {
  it.each([
    ['the only one of lines', 'a: 1\n\nplugins:\n  - p\n\nb: 2\n', 'a: 1\n\nb: 2\n'],
    ['the only one, between others', 'a: 1\nplugins:\n  - p\nb: 2\n', 'a: 1\nb: 2\n'],
    ['the only one, first in the file', '\uFEFFplugins:\n  - p\nb: 2\n', '\uFEFFb: 2\n'],
    [
      'with comments, which stay',
      'plugins: # c\n  # d\n  - p # e\n  # - f\nb: 2\n',
      'plugins: [] # c\n  # d\n  # - f\nb: 2\n',
    ],
    ['the first', 'plugins:\n  - p\n  - q\n', 'plugins:\n  - q\n'],
    ['the last', 'plugins:\n  - q\n  - "p"', 'plugins:\n  - q'],
    ['twice', 'plugins: [p, q, p]\n', 'plugins: [q]\n'],
    ['from brackets', 'plugins: [ "p" ]\n', 'plugins: [ ]\n'],
    ['the first in brackets', 'plugins: [p,  q]\n', 'plugins: [q]\n'],
    ['over lines', 'plugins: [\n  a, # c\n  p, # d\n  b,\n  ]\n', 'plugins: [\n  a, # c\n  b,\n  ]\n'],
    ['the last over lines', 'plugins: [\n  a, # c\n  p\n  ]\n', 'plugins: [\n  a # c\n  ]\n'],
    ['commas in front', 'plugins: [ a\n  , p\n  , b ]\n', 'plugins: [ a\n  , b ]\n'],
    ['that is not there', 'a: 1\n', 'a: 1\n'],
    ['from nothing', 'plugins:\n', 'plugins:\n'],
  ])('%s', (_, before, after) => {
    expect(remove(before)).toBe(after)
  })
})

describe('a text that is not safe to edit is refused, with what to do and without the text', () => {
  it.each<[string, string, ConfigTextFormat?]>([
    ['two documents', 'a: secret\n---\nb: 2\n'],
    ['keys twice', 'a: secret\na: 2\n'],
    ['no YAML', 'a: [secret\n'],
    ['tabs as indentation', 'a:\n\tb: secret\n'],
    ['an anchor', 'plugins: &x [secret]\na: *x\n'],
    ['an anchor in the list', 'plugins: [&x secret]\na: *x\n'],
    ['an alias', 'a: &x [secret]\nplugins: *x\n'],
    ['a merge key', 'a: &x { plugins: [secret] }\n<<: *x\n'],
    ['no list', 'plugins: secret\n'],
    ['a section', 'plugins: { secret: 1 }\n'],
    ['text', 'secret\n'],
    ['a list', '- secret\n'],
    ['lone carriage returns', 'a: secret\rb: 2\n'],
    ['an unusual key', '? plugins\n: - secret\n'],
    ['no JSON', '{ "a": "secret", }', 'json'],
    ['JSON with a BOM', '\uFEFF{ "a": "secret" }', 'json'],
    ['JSON with a key twice', '{ "a": "secret", "a": 1 }', 'json'],
    ['a package.json without configuration', '{ "name": "secret" }', 'package.json'],
    ["a plugin's package.json", '{ "walr": { "apiVersion": 1, "x": "secret" } }', 'package.json'],
  ])('%s', (_, text, format = 'yaml') => {
    const refused = expect.toSatisfy(
      (error: unknown) =>
        isWalrError(error, 'WALR_CONFIG') &&
        error.detail?.includes('"p"') === true &&
        !`${error.message}${error.detail}${error.hint ?? ''}${String(error.cause)}`.includes('secret'),
    ) as Error
    expect(() => add(text, 'p', format)).toThrow(refused)
  })
})

describe('whatever the file looks like', () => {
  const texts = fc
    .record({
      head: fc.constantFrom('', '# head\n', '---\n', '\uFEFF', '# a\n\n'),
      first: fc.constantFrom('a: 1\n', 'a:\n  b: [1, 2] # c\n', 'a: |\n  x\n\n', '"a": {b: "#"}\n\n', 'a: |+\n  x\n\n'),
      list: fc.constantFrom(
        ...['', 'plugins: []\n', 'plugins: [ ]\n', 'plugins: [z]\n', "plugins: [ 'z', y ] # c\n", 'plugins: [\n ]\n'],
        ...[
          'plugins: [\n  "z", # c\n  "y" # d\n  ]\n',
          'plugins: [z,\n   y,]\n',
          'plugins:\n- z\n',
          'plugins: [\n  z,\n  y,\n  ]\n',
        ],
        ...[
          'plugins:\n  # c\n  - z # d\n\n  # e\n  - y\n',
          '"plugins":\n    -  "z"\n    # c\n',
          'plugins:\n  - z\n  -\n   y\n',
        ],
      ),
      last: fc.constantFrom('', 'b: 2\n', 'b:\n  c: 3\n  # d\n', '\n# end\n', 'b: 2\n...\n', 'b: >\n  x\n  y\n'),
      eol: fc.constantFrom('\n', '\r\n'),
      isOpen: fc.boolean(),
    })
    .map(({ head, first, list, last, eol, isOpen }) => {
      const text = (head + first + list + last).replaceAll('\n', eol)
      return isOpen && text.endsWith(eol) && !text.includes('|+') ? text.slice(0, -eol.length) : text
    })
  const names = ['p', '@walr/plugin-q', './r s']

  it('all plugins that were added are gone without a trace when they were removed, in any order', () => {
    const orders = fc.shuffledSubarray(names, { minLength: names.length })
    fc.assert(
      fc.property(texts, orders, orders, (text, adding, removing) => {
        let edited = text
        for (const name of adding) edited = add(edited, name, 'yaml', comment)
        const { plugins = [] } = parse(text.replace('\uFEFF', '')) as { plugins?: unknown[] }
        expect((parse(edited.replace('\uFEFF', '')) as { plugins: unknown[] }).plugins).toEqual([...plugins, ...adding])
        for (const name of removing) edited = remove(edited, name)
        expect(edited).toBe(text)
      }),
      { numRuns: 200 },
    )
  })

  it('what stands in it before stands in it afterwards, line by line', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const edited = add(text, 'p', 'yaml', comment)
        const without = (line: string): string => line.replace(/[[\], "p]|\r$/g, '')
        const lines = edited.split('\n').map(without)
        let at = 0
        for (const line of text.split('\n').map(without)) {
          at = lines.indexOf(line, at) + 1
          expect(at).toBeGreaterThan(0)
        }
      }),
    )
  })
})
