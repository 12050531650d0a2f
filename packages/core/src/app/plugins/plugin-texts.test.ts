import { describe, expect, it } from 'vitest'
import type { InspectedPlugin } from './inspect-plugin.ts'
import { inspectionText } from './plugin-texts.ts'

const option = {
  name: 'endpoint',
  type: 'URL',
  default: 'https://storage.example.com',
  summary: 'word '.repeat(40).trim(),
}
const plugin: InspectedPlugin = {
  ...{
    name: 'walr-x',
    version: '1.0.0',
    description: 'about '.repeat(30).trim(),
    apiVersion: 1,
    provides: ['storage'],
  },
  ...{ options: [option, { ...option, name: 'other' }], path: '/x' },
}
const widths = (text: string): number[] => text.split('\n').map((line) => line.length)

describe('what is said of a plugin', () => {
  it.each([80, 120])('is no wider than a terminal of %i columns', (width) => {
    const text = inspectionText(plugin, width)
    expect(Math.max(...widths(text))).toBeLessThanOrEqual(width)
    expect(text.match(/\bword\b/g)).toHaveLength(80)
  })

  it('has one line an option where a program may read it', () => {
    expect(
      inspectionText(plugin, undefined)
        .split('\n')
        .filter((line) => line.includes('word')),
    ).toHaveLength(2)
  })
})
