import { describe, it } from 'vitest'
import { surviveKills, type Kills } from './kill-walr.ts'

describe('kill -9 of walr at any moment', () => {
  it.each<Kills>([
    { compression: 'none', version: 17, count: 50 },
    { compression: 'gzip:1', version: 18, count: 8 },
    { compression: 'lz4', version: 15, count: 8 },
    { compression: 'zstd:1', version: 13, count: 8 },
  ])('leaves every byte that was acknowledged ($count times with --compress=$compression)', surviveKills)
})
