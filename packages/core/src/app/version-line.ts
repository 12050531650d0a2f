import type { Hook } from '@oclif/core'

/** oclif's `init` hook: makes `walr --version` print what PostgreSQL's programs print, name and version. */
export const hook: Hook.Init = function ({ config }) {
  Object.assign(config, { userAgent: `${config.bin} ${config.version}` })
  return Promise.resolve()
}
