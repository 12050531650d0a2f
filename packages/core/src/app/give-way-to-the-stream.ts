import { constants, setPriority } from 'node:os'

/** On Linux the priority is the thread's own (setpriority(2)); elsewhere it would be that of the stream as well. */
export function giveWayToTheStream(): void {
  if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)
}
