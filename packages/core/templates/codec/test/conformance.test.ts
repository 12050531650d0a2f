import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { codecConformance, nodeTestRunner, packageConformance } from '@walr/plugin-testkit'
import { BrotliCodec } from '../src/brotli-codec.ts'
import { parseOptions } from '../src/options.ts'

// Every case of walr's conformance suites, see the README of @walr/plugin-testkit.
const runner = nodeTestRunner({ describe, it, after })

codecConformance(runner, async () => ({
  open: async () => new BrotliCodec(parseOptions({})),
  close: async () => undefined,
  // An encryption also says how to make a codec that lacks the key: openWithOtherKey.
}))

packageConformance(runner, join(import.meta.dirname, '..'))
