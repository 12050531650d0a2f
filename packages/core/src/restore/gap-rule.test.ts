import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { gapRule } from './gap-rule.ts'
import { parseWantedFile } from './wanted-file.ts'

const NAME = '000000010000000000000005'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-gap-'))
  mkdirSync(join(data, 'pg_wal'))
})
afterEach(() => {
  rmSync(data, { recursive: true })
})

describe('a segment that is missing before later ones', () => {
  const rule = (name = NAME) => gapRule(nodeDisk, data, parseWantedFile(name))

  it('stops a recovery, which would end before it', async () => {
    writeFileSync(join(data, 'recovery.signal'), '')
    expect(await rule()).toBe('stop')
  })

  it('is asked for again by a standby', async () => {
    writeFileSync(join(data, 'standby.signal'), '')
    expect(await rule()).toBe('end')
  })

  it('is not missed where the server has it', async () => {
    writeFileSync(join(data, 'pg_wal', NAME), 'wal')
    expect(await rule()).toBe('end')
    expect(await rule('000000010000000000000006')).toBe('stop')
  })
})
