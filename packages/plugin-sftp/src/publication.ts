/** A file that is complete and durable, and the name it is to get. */
export interface Publication {
  readonly temporary: string
  readonly key: string
  /** The object's path below the base directory. */
  readonly below: string
  readonly ifAbsent: boolean
}
