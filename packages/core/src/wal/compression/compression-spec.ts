import { WalrError } from '../../errors/walr-error.ts'

/** How segments are compressed while they are received: the meaning of `--compress`. */
export type CompressionSpec = { readonly method: 'none' } | ActiveCompressionSpec

/** A {@link CompressionSpec} that compresses. */
export interface ActiveCompressionSpec {
  readonly method: 'gzip' | 'lz4' | 'zstd'
  /** Undefined is the method's default: gzip's 6, zstd's 1, and for lz4 the only one there is. */
  readonly level: number | undefined
  /** Threads beside the calling one; zstd only. */
  readonly workers?: number
  /** Long-distance matching; zstd only. */
  readonly long?: boolean
}

/** The options after `METHOD:`, as they are read; whether they go with the method is checked afterwards. */
interface Detail {
  level?: number
  workers?: number
  long?: boolean
}

/** `defaultLevel` is what PostgreSQL's messages call so, and accepts beside the range. */
const levels = {
  none: { min: 0, max: 0, defaultLevel: 0 },
  gzip: { min: 1, max: 9, defaultLevel: -1 },
  lz4: { min: 1, max: 12, defaultLevel: 0 },
  zstd: { min: -131_072, max: 22, defaultLevel: 1 },
} as const
const MAX_WORKERS = 64

type Method = keyof typeof levels

/**
 * Reads the value of `-Z`/`--compress` as pg_receivewal of PostgreSQL 15 to 18 does (`common/compression.c`):
 * `LEVEL`, `METHOD` or `METHOD:DETAIL`, where DETAIL is a level or a list of `level=N`, `workers=N`, `long[=BOOLEAN]`.
 * Unlike there, zstd is available, with level 1 for its default.
 * @throws WalrError WALR_USAGE with PostgreSQL's text.
 */
export function parseCompressionSpec(text: string): CompressionSpec {
  const bare = text === '' ? 0 : parseInteger(text)
  if (bare === 0) return { method: 'none' }
  if (bare !== undefined) return checked('gzip', { level: bare })
  const colon = text.indexOf(':')
  const method = colon < 0 ? text : text.slice(0, colon)
  if (!isMethod(method)) throw new WalrError('WALR_USAGE', `unrecognized compression algorithm: "${method}"`, { hint })
  return checked(method, colon < 0 ? {} : parseDetail(text.slice(colon + 1)))
}

const hint = 'The value is METHOD[:DETAIL] with the method none, gzip, lz4 or zstd, for example zstd or gzip:6.'

function checked(method: Method, detail: Detail): CompressionSpec {
  const { min, max, defaultLevel } = levels[method]
  const level = detail.level ?? defaultLevel
  if (level !== defaultLevel && method === 'none') {
    throw invalid('compression algorithm "none" does not accept a compression level')
  }
  if (level !== defaultLevel && (level < min || level > max)) {
    throw invalid(
      `compression algorithm "${method}" expects a compression level between ${min} and ${max} (default at ${defaultLevel})`,
    )
  }
  if (detail.workers !== undefined && method !== 'zstd') {
    throw invalid(`compression algorithm "${method}" does not accept a worker count`)
  }
  if (detail.long !== undefined && method !== 'zstd') {
    throw invalid(`compression algorithm "${method}" does not support long-distance mode`)
  }
  if (detail.workers !== undefined && (detail.workers < 0 || detail.workers > MAX_WORKERS)) {
    throw invalid(`compression algorithm "zstd" expects a worker count between 0 and ${MAX_WORKERS}`)
  }
  if (method === 'none') return { method }
  return { method, ...detail, level: level === defaultLevel ? undefined : level }
}

function parseDetail(text: string): Detail {
  const level = parseInteger(text)
  if (level !== undefined) return { level }
  const detail: Detail = {}
  for (const option of text.split(',')) {
    const equals = option.indexOf('=')
    const keyword = equals < 0 ? option : option.slice(0, equals)
    const value = equals < 0 ? undefined : option.slice(equals + 1)
    switch (keyword) {
      case '':
        throw invalid('found empty string where a compression option was expected')
      case 'level':
      case 'workers':
        detail[keyword] = integerValue(keyword, value)
        break
      case 'long':
        detail.long = booleanValue(keyword, value)
        break
      default:
        throw invalid(`unrecognized compression option: "${keyword}"`)
    }
  }
  return detail
}

function integerValue(keyword: string, value: string | undefined): number {
  if (value === undefined) throw invalid(`compression option "${keyword}" requires a value`)
  const integer = parseInteger(value)
  if (integer === undefined) throw invalid(`value for compression option "${keyword}" must be an integer`)
  return integer
}

function booleanValue(keyword: string, value: string | undefined): boolean {
  if (value === undefined || /^(yes|on|1)$/i.test(value)) return true
  if (/^(no|off|0)$/i.test(value)) return false
  throw invalid(`value for compression option "${keyword}" must be a Boolean value`)
}

/** C's strtol over the whole text: blanks and a sign may lead. */
function parseInteger(text: string): number | undefined {
  return /^\s*[+-]?\d+$/.test(text) ? Number(text) : undefined
}

function isMethod(text: string): text is Method {
  return Object.hasOwn(levels, text)
}

function invalid(why: string): WalrError {
  return new WalrError('WALR_USAGE', `invalid compression specification: ${why}`, { hint })
}
