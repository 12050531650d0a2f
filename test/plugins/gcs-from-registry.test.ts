import { dirname } from 'node:path'
import { expect, it } from 'vitest'
import { startVerdaccio } from '../support/verdaccio.ts'
import { runWalr } from '../support/walr-process.ts'
import { PluginSite } from './plugin-site.ts'

it('"walr plugins:install @walr/plugin-gcs" is all that archiving to Google Cloud Storage takes', async () => {
  await using registry = await startVerdaccio()
  await registry.publishWorkspace(['@walr/plugin-kit', '@walr/plugin-gcs'])
  await using site = new PluginSite({ ...registry.environment, npm_config_fetch_retries: '3' })
  const run = (args: readonly string[]) => runWalr(args, { cwd: dirname(site.configFile), env: site.environment })
  const { exitCode, stderr } = await run(['plugins:install', '@walr/plugin-gcs'])
  expect(exitCode, stderr).toBe(0)
  const config = site.config.replace(
    "{ use: local, path: '/archive' }",
    '{ use: "@walr/plugin-gcs", bucket: walr-test }',
  )
  site.write('etc/walr.config.yaml', config)
  const { stdout } = await run(['config', 'validate'])
  expect(stdout).toBe(`configuration file "${site.configFile}" is valid\n`)
  const inspected = await site.json(['inspect', '@walr/plugin-gcs'])
  expect(inspected).toMatchObject({ name: '@walr/plugin-gcs', provides: ['storage'] })
})
