import { describe, expect, it } from 'vitest'
import { parseConfigPath } from './config-path.ts'
import { yamlLineOf } from './yaml-line.ts'

const text = `---
# cluster: no
cluster: main
"connection": { host: db,
  port: 1 }

receive:
    # slot: x
    directory: /wal
    text: |
      slot: not this
    slot: walr
plugins:
- a
- b
archive:
  storage:
    use: s3
    deep:
      slot: 1
  codecs:
    - zstd
    -   use: aes
        key: x

    - use: gzip
  concurrency: 2
`

describe('the line of a key in YAML', () => {
  it.each([
    ['cluster', 3],
    ['connection', 4],
    ['connection.host', 4],
    ['receive', 7],
    ['receive.directory', 9],
    ['receive.slot', 12],
    ['receive.missing', 7],
    ['plugins', 13],
    ['plugins[0]', 14],
    ['plugins[1]', 15],
    ['plugins[2]', 13],
    ['archive.storage.use', 18],
    ['archive.storage.deep.slot', 20],
    ['archive.codecs[0]', 22],
    ['archive.codecs[0].use', 22],
    ['archive.codecs[1]', 23],
    ['archive.codecs[1].use', 23],
    ['archive.codecs[1].key', 24],
    ['archive.codecs[2].use', 26],
    ['archive.concurrency', 27],
    ['slot', undefined],
    ['missing', undefined],
  ])('of %s is %s', (path, line) => {
    expect(yamlLineOf(text, parseConfigPath(path))).toBe(line)
    expect(yamlLineOf(text.replaceAll('\n', '\r\n'), parseConfigPath(path))).toBe(line)
  })

  it('is not known of a text in one pair of braces', () => {
    expect(yamlLineOf('{ cluster: main }', ['cluster'])).toBeUndefined()
  })
})
