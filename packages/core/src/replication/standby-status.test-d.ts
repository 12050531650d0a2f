import type { Lsn } from '../wal/lsn.ts'
import { StandbyStatus } from './standby-status.ts'

// Law 1 in the type system; `npm run typecheck` fails when one of these begins to compile.

declare const received: Lsn
declare const plain: bigint

const status = new StandbyStatus()

status.encode(received, undefined, false)
// @ts-expect-error a position that was received or written is not a flushed one
status.encode(received, received, false)
// @ts-expect-error a number is no position
status.encode(plain, undefined, false)
