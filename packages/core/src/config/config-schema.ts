import { z } from 'zod'

/** The sections and keys of walr's configuration; what is not listed is an error. */
export const configSchema: z.ZodType<WalrConfig> = z.strictObject({
  receive: z
    .strictObject({
      directory: z.string().min(1).exactOptional(),
    })
    .exactOptional(),
})

/** walr's configuration as it is in the file, checked. */
export interface WalrConfig {
  readonly receive?: {
    /** Where WAL is received into. Absolute after {@link loadConfig}, which takes it from the file's own directory. */
    readonly directory?: string
  }
}
