import { it } from 'vitest'
import { surviveKillsWhileArchiving } from './kill-archiving.ts'

it('has every segment in the archive, whole and once, however often walr was killed while it archived', () =>
  surviveKillsWhileArchiving(20))
