import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runProgram } from '../support/run-program.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { runWalr } from '../support/walr-process.ts'
import { codecPlugin } from './plugin-workspace.ts'
import { PluginSite } from './plugin-site.ts'

const walrPath = join(import.meta.dirname, '../../packages/core/bin/walr')

let site: PluginSite
beforeEach(() => {
  site = new PluginSite()
})
afterEach(() => site[Symbol.asyncDispose]())

/** Installs with a umask that lets nobody else read. */
async function installStrictly(tarball: string): Promise<void> {
  const script = 'umask 077; exec "$0" "$@"'
  const args = ['-c', script, walrPath, 'plugins', 'install', tarball, '--offline']
  const env = cleanEnvironment({ WALR_NODE: process.execPath, ...site.environment })
  const { exitCode, stderr } = await runProgram('sh', args, { cwd: dirname(site.configFile), env })
  expect(exitCode, stderr).toBe(0)
}

describe('what root installs', () => {
  it('a daemon of another user uses, whatever the umask was', async () => {
    await installStrictly(await site.packed('walr-x', { files: { 'lib/deep/file.txt': 'x' } }))
    const used = site.config.replace("storage: { use: local, path: '/archive' }", '$&\n    codecs: [{ use: walr-x }]')
    site.write('etc/walr.config.yaml', used)
    const user = unprivilegedUser()
    const options = { cwd: '/', env: site.environment, ...(user && { user }) }
    const { stdout, stderr } = await runWalr(['config', 'validate', '--config', site.configFile], options)
    expect(stdout + stderr).toBe(`configuration file "${site.configFile}" is valid\n`)
  })
})

it('the thread that archives takes its plugins from the data directory, too', async () => {
  const code = codecPlugin('walr-x', { createCodec: `() => { throw new Error('opened in ' + import.meta.url) }` })
  await site.json(['install', await site.packed('walr-x', { code }), '--offline'])
  mkdirSync(join(site.path, 'etc/wal'))
  const used = site.config.replace("storage: { use: local, path: '/archive' }", '$&\n    codecs: [{ use: walr-x }]')
  site.write('etc/walr.config.yaml', used)
  const options = { cwd: dirname(site.configFile), env: { ...site.environment, PGHOST: '127.0.0.1', PGPORT: '1' } }
  const { exitCode, stderr } = await runWalr(['receive', '--no-loop', '--slot', 'walr'], options)
  expect(exitCode).toBe(1)
  expect(stderr).toContain(`could not be opened: opened in file://${site.dataDirectory}/plugins/walr-x/1.0.0-`)
})

describe('a start of walr', () => {
  it('reads nothing of the data directory, and loads no plugin, unless a plugin is needed', async () => {
    const trace = join(site.path, 'was-run')
    const code = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(trace)}, ''); export default {}`
    for (const name of ['walr-a', 'walr-b']) {
      const folder = join(site.dataDirectory, 'plugins', name, '1.0.0-x/node_modules', name)
      mkdirSync(folder, { recursive: true })
      const walr = { apiVersion: 1, provides: ['storage'] }
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', walr, main: 'index.mjs' }))
      writeFileSync(join(folder, 'index.mjs'), code)
    }
    chmodSync(site.dataDirectory, 0o000) // whoever is not root cannot even look
    const report = join(site.path, 'loaded')
    writeFileSync(report, '')
    chmodSync(report, 0o666)
    const hook = site.write(
      'list-modules.mjs',
      `import { registerHooks } from 'node:module'
      import { appendFileSync } from 'node:fs'
      registerHooks({ load: (url, context, next) => { appendFileSync(${JSON.stringify(report)}, url + '\\n'); return next(url, context) } })`,
    )
    const user = unprivilegedUser()
    const env = { ...site.environment, NODE_OPTIONS: `--import=${hook}` }
    for (const args of [['--version'], ['receive', '--help'], ['plugins', '--help'], ['--help']]) {
      const { exitCode, stderr } = await runWalr(args, { cwd: '/', env, ...(user && { user }) })
      expect([args, exitCode, stderr]).toEqual([args, 0, ''])
    }
    chmodSync(site.dataDirectory, 0o755)
    const loaded = readFileSync(report, 'utf8').trim().split('\n')
    expect(loaded.length).toBeGreaterThan(10)
    expect(loaded.filter((url) => url.startsWith(`file://${site.path}/data`))).toEqual([])
    const notAtStart = /node_modules\/(?:@aws-sdk|@azure|@google-cloud|@smithy|ssh2|zod|npm)\//
    expect(loaded.filter((url) => notAtStart.test(url))).toEqual([])
    expect(existsSync(trace)).toBe(false)
  })
})
