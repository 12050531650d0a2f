import { nearestName, OptionsError, type OptionDescription, type OptionFault } from '@walr/core/plugin'

/**
 * Reads the options of an entry in walr's configuration one by one and gathers all that is wrong with them, so that a user
 * corrects them in one go. Values of secrets are never shown. Values that come from the environment are text.
 */
export class OptionReader {
  readonly #input: Readonly<Record<string, unknown>>
  readonly #descriptions: readonly OptionDescription[]
  readonly #faults: OptionFault[] = []

  constructor(input: Readonly<Record<string, unknown>>, descriptions: readonly OptionDescription[]) {
    this.#input = input
    this.#descriptions = descriptions
  }

  /** Text that is not empty; undefined when the option is missing or wrong. */
  text(name: string): string | undefined {
    const value = this.#value(name)
    if (typeof value === 'string' && value !== '') return value
    if (value !== undefined) this.fault(name, `${this.shown(name)}, but text is expected`)
    return undefined
  }

  /** As {@link text}, but the option has to be there. What it gives otherwise is never used, since `finish` throws. */
  requiredText(name: string): string {
    if (this.#value(name) === undefined) this.fault(name, 'it is missing')
    return this.text(name) ?? ''
  }

  /** A whole number from `min` to `max`; `otherwise` when the option is missing. */
  integer(name: string, min: number, max: number, otherwise: number): number {
    const value = this.#value(name)
    if (value === undefined) return otherwise
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
    this.fault(name, `${this.shown(name)}, but a whole number from ${min} to ${max} is expected`)
    return otherwise
  }

  fault(path: string, message: string): void {
    this.#faults.push({ path, message })
  }

  /** The value received, for a message. */
  shown(name: string): string {
    const isSecret = this.#descriptions.some((option) => option.name === name && option.secret === true)
    return isSecret ? 'it is something else' : `it is ${JSON.stringify(this.#value(name))}`
  }

  /**
   * To be called last.
   * @throws OptionsError with all faults; an option that is not described is one.
   */
  finish(): void {
    const names = this.#descriptions.map(({ name }) => name)
    for (const name of Object.keys(this.#input).filter((given) => !names.includes(given))) {
      const near = nearestName(name, names)
      this.fault(name, near === undefined ? `it is unknown; there are ${names.join(', ')}` : `did you mean "${near}"?`)
    }
    if (this.#faults.length > 0) throw new OptionsError(this.#faults)
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#input, name) ? this.#input[name] : undefined
  }
}
