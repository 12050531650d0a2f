import { after, describe, it } from 'node:test'
import { KeepLastPolicy } from '../keep-last-policy.fixture.ts'
import { retentionConformance } from '../retention/retention-conformance.ts'
import { nodeTestRunner } from './test-runner.ts'

/** Run by `node --test` with the number of backups to keep; a policy that keeps none breaks laws. */
const count = Number(process.env['KEEP_LAST'])
const open = () => Promise.resolve(new KeepLastPolicy(count))
const deviations = count === 0 ? [] : [{ caseId: 'RET-01', reason: 'none: it passes, and so this fails' }]
retentionConformance(
  nodeTestRunner({ describe, it, after }),
  () => Promise.resolve({ open, close: () => Promise.resolve() }),
  count === 2 ? {} : { deviations },
)
