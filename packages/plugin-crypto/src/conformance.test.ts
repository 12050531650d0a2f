import type { Codec } from '@walr/core/plugin'
import { codecConformance, vitestRunner, type CodecHarness } from '@walr/plugin-testkit'
import { afterAll, describe, it } from 'vitest'
import plugin from './index.ts'
import { hookContext, keyBytes } from './object.fixture.ts'

const runner = vitestRunner({ describe, it, afterAll })

async function open(options: Readonly<Record<string, unknown>>): Promise<Codec> {
  const codec = await plugin.createCodec?.(plugin.parseOptions(options), hookContext('/'))
  if (!codec) throw new Error('the plugin makes no codec')
  return codec
}

/** A codec with these options, and one of another key. */
function harness(options: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>): CodecHarness {
  return { open: () => open(options), openWithOtherKey: () => open(other), close: () => Promise.resolve() }
}

const text = (first: number): string => `walr-key:k1:${keyBytes(first).toString('base64')}`

describe('with a key', () => {
  codecConformance(runner, () => Promise.resolve(harness({ key: text(0) }, { key: text(1) })))
})

describe('with a passphrase and small chunks', () => {
  const options = { passphrase: 'correct horse battery', chunkSize: 4096 }
  codecConformance(runner, () => Promise.resolve(harness(options, { ...options, passphrase: 'another horse' })))
})
