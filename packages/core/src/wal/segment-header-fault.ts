import type { SegmentHeaderCheck } from './page-header.ts'

export interface SegmentHeaderFault {
  readonly code: 'WALR_SEGMENT_CORRUPT' | 'WALR_WRONG_CLUSTER' | 'WALR_WRONG_SEGMENT_SIZE'
  /** Follows the segment's name. */
  readonly what: string
}

/** What an error says of a segment whose first page is not the one that was expected. */
export function segmentHeaderFault(check: Exclude<SegmentHeaderCheck, { readonly kind: 'ok' }>): SegmentHeaderFault {
  switch (check.kind) {
    case 'wrong-cluster':
      return { code: 'WALR_WRONG_CLUSTER', what: check.message }
    case 'wrong-segment-size':
      return { code: 'WALR_WRONG_SEGMENT_SIZE', what: check.message }
    case 'empty':
      return { code: 'WALR_SEGMENT_CORRUPT', what: 'starts with zeros' }
    case 'wrong-address':
    case 'wrong-timeline':
    case 'not-wal':
      return { code: 'WALR_SEGMENT_CORRUPT', what: check.message }
  }
}
