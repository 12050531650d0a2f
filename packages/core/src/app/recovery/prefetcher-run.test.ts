import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { runningPlace, unableMark } from '../../restore/prefetch/prefetch-place.ts'

const modulePath = fileURLToPath(new URL('./prefetcher-run.ts', import.meta.url))
const program = `
  import { runPrefetcher } from ${JSON.stringify(modulePath)}
  await runPrefetcher(JSON.parse(process.argv[1]), { signal: new AbortController().signal, environment: {} })
`

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-run-'))
  mkdirSync(join(data, 'pg_wal'))
  writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n1795315341\n5432\n`)
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

it('leaves the mark that keeps others from being started when there is no pg_stat_tmp', async () => {
  const place = await runningPlace(nodeDisk, data)
  if (place === undefined) throw new Error('no place')
  const start = JSON.stringify({ place, settings: {}, arguments: { identity: '' }, maxBytes: 0, isVerbose: false })
  const node = ['--input-type=module-typescript', '-e', program, start]
  const { status, stderr } = spawnSync(process.execPath, node, { cwd: data, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(existsSync(join(data, unableMark(place)))).toBe(true)
  expect(readdirSync(join(data, 'pg_wal/.walr'))).toHaveLength(1)
})
