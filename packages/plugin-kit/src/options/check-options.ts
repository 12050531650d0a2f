import { nearestName, OptionsError, type OptionDescription, type OptionFault } from '@walr/core/plugin'
import type { z } from 'zod'

type Input = Readonly<Record<string, unknown>>

/** Tells what options demand of each other. */
export interface OptionRelations {
  /** Whether the option is given. */
  readonly has: (name: string) => boolean
  /** The first option is of no use without the second one. */
  readonly needs: (name: string, other: string) => void
  /** The first option cannot be given beside the second one. */
  readonly excludes: (name: string, other: string) => void
  /** Any other fault. The message shows no secret. */
  readonly fault: (path: string, message: string) => void
}

/**
 * Checks the options of the configuration against a strict schema. A fault tells the value received unless its description
 * says that it is a secret; an unknown option is told the nearest known one.
 * @param relate is called once, also when the schema has found faults.
 * @throws OptionsError with all faults.
 */
export function checkOptions<S extends z.ZodObject>(
  schema: S,
  descriptions: readonly OptionDescription[],
  input: Input,
  relate: (relations: OptionRelations) => void = () => undefined,
): z.output<S> {
  const parsed = schema.safeParse(input)
  const faults = (parsed.error?.issues ?? []).flatMap((issue) => toFaults(issue, { schema, descriptions, input }))
  relate(relationsOf(input, faults))
  if (!parsed.success || faults.length > 0) throw new OptionsError(faults)
  return parsed.data
}

interface Checked {
  readonly schema: z.ZodObject
  readonly descriptions: readonly OptionDescription[]
  readonly input: Input
}

function toFaults(issue: z.core.$ZodIssue, checked: Checked): readonly OptionFault[] {
  const path = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys') {
    return [{ path: path.join('.'), message: `${issue.message}${received(path, checked)}` }]
  }
  const known = namesBelow(path, checked)
  return issue.keys.map((name) => {
    const nearest = nearestName(name, known)
    const message = `there is no such option${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`
    return { path: [...path, name].join('.'), message }
  })
}

/** The names that an option may have at this place. */
function namesBelow(path: readonly string[], { schema, descriptions }: Checked): readonly string[] {
  if (path.length === 0) return Object.keys(schema.shape)
  const section = `${path.join('.')}.`
  const below = descriptions.filter(({ name }) => name.startsWith(section))
  return below.map(({ name }) => name.slice(section.length))
}

/** The value, where it is short and no secret. */
function received(path: readonly string[], { descriptions, input }: Checked): string {
  const option = descriptions.find(({ name }) => name === path.join('.'))
  const value = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), input)
  if (option === undefined || option.secret === true || value === undefined || typeof value === 'object') return ''
  return `; it is ${JSON.stringify(value)}`
}

function relationsOf(input: Input, faults: OptionFault[]): OptionRelations {
  const has = (name: string): boolean => input[name] !== undefined
  const fault = (path: string, message: string): void => void faults.push({ path, message })
  return {
    has,
    fault,
    needs: (name, other) => {
      if (has(name) && !has(other)) fault(other, `it is missing; "${name}" needs it`)
    },
    excludes: (name, other) => {
      if (has(name) && has(other)) fault(name, `it cannot be used together with "${other}"`)
    },
  }
}

function isRecord(value: unknown): value is Input {
  return typeof value === 'object' && value !== null
}
