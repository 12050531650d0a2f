/** A change that was made, and can still be taken back. Exactly one of the two is to be called. */
export interface Publication {
  /** Brings back what was there before. */
  takeBack(): Promise<void>
  /** Removes what nobody needs any more. */
  settle(): Promise<void>
}
