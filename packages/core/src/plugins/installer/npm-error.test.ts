import { describe, expect, it } from 'vitest'
import { npmError } from './npm-error.ts'
import { NpmFailure } from './npm-program.ts'
import type { PluginSpec } from './plugin-spec.ts'

const spec: PluginSpec = { kind: 'registry', text: 'walr-x', name: 'walr-x' }

describe('what npm says is told in words that say what to do', () => {
  it.each([
    ['E404', ['Not Found - GET http://r/walr-x'], 'the registry has no such package'],
    ['E404', ['No match found for version 9'], 'the registry has no version of it that fits'],
    ['ETARGET', ['No matching version found for walr-x@9'], 'the registry has no version of it that fits'],
    ['ETARGET', ['No matching version found for @walr/core@>=99'], 'does not go with this walr (@walr/core 1.2.3)'],
    ['E404', ['Not Found - GET http://r/@walr%2fcore'], 'does not go with this walr (@walr/core 1.2.3)'],
    ['ERESOLVE', ['unable to resolve dependency tree'], 'does not go with this walr (@walr/core 1.2.3)'],
    ['ENOTCACHED', ['no cached response is available'], 'it needs packages that are not on this machine'],
    ['ENOSPC', ['no space left on device, write'], 'the disk is full'],
    ['ECONNREFUSED', ['request to http://r/ failed'], 'cannot be reached (ECONNREFUSED)'],
    [undefined, ['network timeout at: http://r/'], 'cannot be reached (network timeout at: http://r/)'],
    ['E401', ['Unable to authenticate'], 'the registry refuses (E401)'],
    [undefined, ['command sh -c node-gyp rebuild', 'no compiler'], ': command sh -c node-gyp rebuild'],
  ])('%s %j', (code, lines, text) => {
    const error = npmError(new NpmFailure(code, lines), spec, '1.2.3')
    expect(error.message).toContain('could not install "walr-x": ')
    expect(error.message).toContain(text)
    expect(error.detail).toBe(lines.join('\n'))
    expect(error.code).toBe('WALR_PLUGIN')
  })
})
