import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeReferences, expandText, type ExpandedText } from './expand-text.ts'

const files: Readonly<Record<string, string>> = { '/run/key': 'from ${A} $$', a$b: 'dollar' }
const environment = { A: 'alpha', EMPTY: '', DOLLARS: '$$ ${A}', THE_PASSWORD: 'geheim' }

function expand(text: string): Promise<ExpandedText> {
  const readSecret = (path: string): Promise<string> => {
    const content = files[path]
    return content === undefined ? Promise.reject(new Error(`no file ${path}`)) : Promise.resolve(content)
  }
  return expandText(text, { environment, readSecret })
}

describe('references in a text', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['${A}', 'alpha'],
    ['x${A}y${A}z', 'xalphayalphaz'],
    ['${EMPTY}', ''],
    ['${EMPTY:-x}', 'x'],
    ['${NONE:-x y}', 'x y'],
    ['${NONE:-}', ''],
    ['${NONE:-a$$b}', 'a$b'],
    ['${NONE:-:-}', ':-'],
    ['${NONE:-{}', '{'],
    ['${A:-x}', 'alpha'],
    ['${DOLLARS}', '$$ ${A}'],
    ['$$', '$'],
    ['$$$$', '$$'],
    ['$${A}', '${A}'],
    ['$$${A}', '$alpha'],
    ['pa$word', 'pa$word'],
    ['$A $', '$A $'],
    ['${file:/run/key}', 'from ${A} $$'],
    ['${file:a$$b}', 'dollar'],
    ['{${A}}', '{alpha}'],
  ])('%j is %j', async (text, expected) => {
    expect(await expand(text)).toMatchObject({ text: expected, faults: [] })
  })

  it.each([
    ['${NONE}', 'environment variable NONE, which is not set'],
    ['${', 'without its "}"'],
    ['${A', 'without its "}"'],
    ['${}', 'none of'],
    ['${1A}', 'none of'],
    ['${A:x}', 'none of'],
    ['${A-x}', 'none of'],
    ['${NONE:-${A}}', 'another "${"'],
    ['${file:/none}', 'no file /none'],
  ])('%j is refused', async (text, expected) => {
    expect((await expand(text)).faults).toEqual([expect.stringContaining(expected)])
  })

  it('are all looked at when one is wrong', async () => {
    expect((await expand('${NONE}${file:/none}${A}${')).faults).toHaveLength(3)
  })

  it.each([
    ['${file:/run/key}', true],
    ['${A}', false],
    ['${THE_PASSWORD}', true],
    ['${OTHER_TOKEN:-x}', true],
    ['password', false],
  ])('in %j make it secret: %j', async (text, secret) => {
    expect((await expand(text)).secret).toBe(secret)
  })

  it('are never made by what is put in', async () => {
    const anything = fc.oneof(fc.string(), fc.stringMatching(/^[$A{}:-]{0,12}$/))
    await fc.assert(
      fc.asyncProperty(anything, anything, anything, async (value, before, content) => {
        const sources = { environment: { V: value }, readSecret: () => Promise.resolve(content) }
        const result = await expandText(`${escapeReferences(before)}\${V}|\${file:x}|\${W:-}`, sources)
        expect(result).toEqual({ text: `${before}${value}|${content}|`, secret: true, faults: [] })
      }),
    )
  })

  it('are undone by escaping, whatever the text is', async () => {
    const anything = fc.oneof(fc.string(), fc.stringMatching(/^[$A{}:-]{0,12}$/))
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        expect(await expand(escapeReferences(text))).toEqual({ text, secret: false, faults: [] })
      }),
    )
  })

  it('give a text or a fault, and never throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[$A{}:file/-]{0,20}$/), async (text) => {
        const result = await expand(text)
        expect(typeof result.text).toBe('string')
        if (!text.includes('$')) expect(result.text).toBe(text)
      }),
    )
  })
})
