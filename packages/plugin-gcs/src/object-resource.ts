import { StorageError, type StoredObject } from '@walr/core/plugin'
import { z } from 'zod'

/** What is asked for of an object. */
export const RESOURCE_FIELDS = 'name,size,timeCreated,crc32c,generation'

const resourceSchema = z.object({
  name: z.string(),
  size: z.string().regex(/^\d+$/).transform(Number),
  timeCreated: z.iso.datetime({ offset: true }),
  /** Base64, of four bytes; the server does not tell it of an object whose customer's key it was not given. */
  crc32c: z
    .string()
    .regex(/^[A-Za-z0-9+/]{6}==$/)
    .optional(),
  generation: z.string().regex(/^\d+$/),
})

/** An object as the server tells about it. */
export type ObjectResource = Readonly<z.output<typeof resourceSchema>>

/** Undefined when it is not one. */
export function parseResource(json: unknown): ObjectResource | undefined {
  return resourceSchema.safeParse(json).data
}

/** @throws StorageError Permanent when it is not one. */
export function toResource(json: unknown): ObjectResource {
  const resource = parseResource(json)
  if (resource) return resource
  throw new StorageError('Permanent', 'the server told about an object without its name, size, time or generation')
}

/** As the contract wants it. */
export function toStoredObject({ name, size, timeCreated }: ObjectResource, namePrefix: string): StoredObject {
  return { key: name.slice(namePrefix.length), size, modifiedAt: new Date(timeCreated) }
}
