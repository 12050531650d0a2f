import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
    [undefined, ['command sh -c node-gyp rebuild', 'no compiler'], ': its own script failed: node-gyp rebuild'],
    ['1', ['path /x/node_modules/@a/b', 'command failed', 'command sh -c make'], ': a script of "@a/b" failed: make'],
    ['128', ['An unknown git error', 'command git ls-remote x', 'fatal: no x'], ': git failed: no x'],
    ['ENOENT', ['syscall spawn git', 'path git'], ': git cannot be run'],
    ['TAR_BAD_ARCHIVE', ['TAR_BAD_ARCHIVE: Unrecognized archive format'], 'it is not a packed file, or a damaged one'],
    ['EJSONPARSE', ['JSON.parse Invalid package.json: E: x'], 'a package.json is not valid JSON: E: x'],
    ['EINTEGRITY', ['sha512-x integrity checksum failed'], 'another checksum than the registry says'],
    ['EOTHER', ['syscall open', 'path /x', 'something is odd'], 'something is odd'],
  ])('%s %j', (code, lines, text) => {
    const error = npmError(new NpmFailure(code, lines), spec, '1.2.3')
    expect(error.message).toContain('could not install "walr-x": ')
    expect(error.message).toContain(text)
    expect(error.detail).toBe(lines.join('\n'))
    expect(error.code).toBe('WALR_PLUGIN')
  })

  it.each([
    ['@walr/plugin-gsc', 'Did you mean "@walr/plugin-gcs"?'],
    ['walr-plugin-azur', 'Did you mean "@walr/plugin-azure"?'],
    ['s3', 'Did you mean "@walr/plugin-s3"?'],
    ['walr-plugin-nope', 'Check the name'],
    ['@acme/walr-plugin-zure', 'Check the name'],
  ])('of %s the nearest of its own plugins is named only when it is near', (name, hint) => {
    const failure = new NpmFailure('E404', [`Not Found - GET http://r/${name}`])
    expect(npmError(failure, { kind: 'registry', text: name, name }, '1.2.3').hint).toContain(hint)
  })

  it('the trace of a failed request is left out of the detail', () => {
    const about = 'FetchError: request to http://r/walr-x failed, reason: connect ECONNREFUSED 127.0.0.1:1'
    const trace = [
      '    at emit (node:events:524:28)',
      '    at x (y:1:1) {',
      "  code: 'ECONNREFUSED',",
      '  port: 1',
      '}',
    ]
    const error = npmError(new NpmFailure('ECONNREFUSED', ['syscall connect', about, ...trace, 'If so']), spec, '1.2.3')
    expect(error.detail).toBe(`syscall connect\n${about}\nIf so`)
  })

  it('control characters of what a script wrote do not reach the terminal', () => {
    const lines = ['command sh -c \u001b[2J', '\u0007 done']
    const { message, detail } = npmError(new NpmFailure('1', lines), spec, '1.2.3')
    expect(message).toContain('failed: ?[2J')
    expect(detail).toBe('command sh -c ?[2J\n? done')
  })

  it('a folder is told apart by what it lacks', () => {
    const folder = mkdtempSync(join(tmpdir(), 'walr-npm-error-'))
    try {
      const folderSpec: PluginSpec = { kind: 'folder', text: folder, name: undefined }
      const missing = new NpmFailure('ENOENT', ['syscall open', `path ${folder}/package.json`])
      expect(npmError(missing, folderSpec, '1.2.3').message).toContain('": the folder has no package.json')
      const script = new NpmFailure('2', [`path ${folder}`, 'command failed', 'command sh -c tsc'])
      expect(npmError(script, folderSpec, '1.2.3').hint).toContain(`Run "npm install" in "${folder}" first`)
      mkdirSync(join(folder, 'node_modules'))
      expect(npmError(script, folderSpec, '1.2.3').hint).not.toContain('npm install')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
