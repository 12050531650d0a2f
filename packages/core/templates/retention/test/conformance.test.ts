import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeTestRunner, packageConformance, retentionConformance } from '@walr/plugin-testkit'
import { KeepPolicy } from '../src/keep-policy.ts'
import { parseOptions } from '../src/options.ts'

// Every case of walr's conformance suites, see the README of @walr/plugin-testkit. Run them for several sets of options.
const runner = nodeTestRunner({ describe, it, after })

for (const options of [{}, { keepLast: 1, window: '0h' }, { keepLast: 5, window: '4w' }]) {
  describe(`with ${JSON.stringify(options)}`, () => {
    retentionConformance(runner, async () => ({
      open: async () => new KeepPolicy(parseOptions(options)),
      close: async () => undefined,
    }))
  })
}

packageConformance(runner, join(import.meta.dirname, '..'))
