import { OptionsError, type OptionFault } from '../plugins/contract/index.ts'

/** Reads a plugin's options one by one and gathers what is wrong with them. */
export class OptionReader {
  readonly #input: Readonly<Record<string, unknown>>
  readonly #faults: OptionFault[] = []
  readonly #known: Set<string> = new Set<string>()

  constructor(input: Readonly<Record<string, unknown>>) {
    this.#input = input
  }

  /** Text that is not empty; undefined, and a fault where it is required, when the option is missing. */
  text(name: string, required: boolean): string | undefined {
    const value = this.#take(name)
    if (typeof value === 'string' && value !== '') return value
    if (value !== undefined || required) this.fault(name, `${shown(value)}, but text is expected`)
    return undefined
  }

  /** A whole number from `min` to `max`; from the environment it comes as text. */
  integer(name: string, min: number, max: number, otherwise: number): number {
    const value = this.#take(name)
    if (value === undefined) return otherwise
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
    this.fault(name, `${shown(value)}, but a whole number from ${min} to ${max} is expected`)
    return otherwise
  }

  boolean(name: string, otherwise: boolean): boolean {
    const value = this.#take(name)
    if (value === undefined) return otherwise
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    this.fault(name, `${shown(value)}, but true or false is expected`)
    return otherwise
  }

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const value = this.#take(name)
    if (value === undefined) return otherwise
    const found = values.find((candidate) => candidate === value)
    if (found !== undefined) return found
    this.fault(name, `${shown(value)}, but one of ${values.map((each) => `"${each}"`).join(', ')} is expected`)
    return otherwise
  }

  fault(path: string, message: string): void {
    this.#faults.push({ path, message })
  }

  /**
   * To be called last: what nobody has asked for is unknown.
   * @throws OptionsError with all faults.
   */
  finish(): void {
    const known = [...this.#known]
    for (const name of Object.keys(this.#input)) {
      if (this.#known.has(name)) continue
      this.fault(name, `it is unknown; the options are ${known.map((each) => `"${each}"`).join(', ')}`)
    }
    if (this.#faults.length > 0) throw new OptionsError(this.#faults)
  }

  #take(name: string): unknown {
    this.#known.add(name)
    return Object.hasOwn(this.#input, name) ? this.#input[name] : undefined
  }
}

function shown(value: unknown): string {
  if (value === undefined) return 'it is missing'
  return `it is ${typeof value === 'object' ? (value === null ? 'empty' : 'a structure') : JSON.stringify(value)}`
}
