import { afterAll, describe, it } from 'vitest'
import { codecConformance } from './codec/codec-conformance.ts'
import { FramedCodec } from './framed-codec.fixture.ts'
import { KeepLastPolicy } from './keep-last-policy.fixture.ts'
import { memoryHarness } from './memory-harness.fixture.ts'
import { retentionConformance } from './retention/retention-conformance.ts'
import { SealedCodec } from './sealed-codec.fixture.ts'
import { storageConformance } from './storage/storage-conformance.ts'
import { vitestRunner } from './suite/test-runner.ts'
import { ZlibCodec } from './zlib-codec.fixture.ts'

const runner = vitestRunner({ describe, it, afterAll })
const close = () => Promise.resolve()

describe('a memory storage at its root', () => storageConformance(runner, memoryHarness()))
describe('a memory storage with a prefix, and with nothing that can be done without', () => {
  const least = { prefix: 'some/prefix/', rangeReads: false, createIfAbsent: 'check-then-write' } as const
  storageConformance(runner, memoryHarness(least))
})

describe('a codec of frames', () => {
  codecConformance(runner, () => Promise.resolve({ open: () => Promise.resolve(new FramedCodec()), close }))
})
describe('a compression over node:zlib', () => {
  codecConformance(runner, () => Promise.resolve({ open: () => Promise.resolve(new ZlibCodec()), close }))
})
describe('an encryption', () => {
  codecConformance(runner, () =>
    Promise.resolve({
      open: () => Promise.resolve(new SealedCodec('the key')),
      openWithOtherKey: () => Promise.resolve(new SealedCodec('another key')),
      close,
    }),
  )
})

for (const count of [1, 5]) {
  describe(`a policy that keeps the last ${count}`, () => {
    retentionConformance(runner, () =>
      Promise.resolve({ open: () => Promise.resolve(new KeepLastPolicy(count)), close }),
    )
  })
}
