import { describe, it } from 'vitest'
import { surviveKills, type Kills } from '../crash/kill-walr.ts'
import { EMBEDDED_VERSIONS } from '../support/postgres-binaries.ts'

const methods = ['none', 'gzip:1', 'lz4', 'zstd:1'] as const

describe('kill -9 of walr, again and again', () => {
  it('leaves every byte that was acknowledged, 300 times', () =>
    surviveKills({ compression: 'none', version: 18, count: 300 }))

  it.each<Kills>(
    EMBEDDED_VERSIONS.flatMap((version) => methods.map((compression) => ({ compression, version, count: 12 }))),
  )('leaves every byte that was acknowledged (PostgreSQL $version, --compress=$compression)', surviveKills)
})
