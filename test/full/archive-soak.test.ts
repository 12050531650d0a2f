import { it } from 'vitest'
import { surviveKillsWhileArchiving } from '../archive/kill-archiving.ts'

it('has every segment in the archive after 200 kills', () => surviveKillsWhileArchiving(200))
