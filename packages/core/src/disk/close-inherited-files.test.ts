import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const here = fileURLToPath(import.meta.url)
const program = `
  import { spawnSync } from 'node:child_process'
  import { openSync } from 'node:fs'
  import { closeInheritedFiles } from '${fileURLToPath(new URL('./close-inherited-files.ts', import.meta.url))}'
  const own = openSync(process.execPath, 'r')
  const list = () => spawnSync('sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' }).stdout
  const before = list()
  closeInheritedFiles()
  openSync('/proc/self/fd/' + own, 'r')
  console.log(JSON.stringify([before, list()]))
`

it.runIf(process.platform === 'linux')('leaves to children nothing of what the parent had open', () => {
  // Far from the descriptors that Node takes care of by itself.
  const shell = `exec 3<"$0" 60<"$0" 200<"$0"; exec "$1" --input-type=module-typescript -e "$2"`
  const { stdout, stderr } = spawnSync('bash', ['-c', shell, here, process.execPath, program], { encoding: 'utf8' })
  const [before = '', after = ''] = JSON.parse(stdout || JSON.stringify([stderr, stderr])) as string[]
  expect(before.split('\n').filter((line) => line.includes(here))).not.toEqual([])
  expect(after.split('\n').filter((line) => line.includes(here))).toEqual([])
  expect(after).toContain(' 2 -> ')
})
