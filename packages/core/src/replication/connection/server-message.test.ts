import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeAuthentication,
  decodeDataRow,
  decodeParameterStatus,
  decodeSaslMechanisms,
  decodeServerReport,
} from './server-message.ts'

const REPORT = Buffer.from(
  'SFEHLER\0VERROR\0C58P01\0Mrequested WAL segment has already been removed\0Dthe detail\0Hthe hint\0Fwalsender.c\0L1\0Rx\0\0',
)
const ROW = Buffer.from('0003' + '00000002' + '6869' + 'ffffffff' + '00000000', 'hex')

describe('decoding a message', () => {
  it('takes the untranslated severity, and what else is of use, from an error', () => {
    expect(decodeServerReport(REPORT)).toEqual({
      severity: 'ERROR',
      sqlState: '58P01',
      message: 'requested WAL segment has already been removed',
      detail: 'the detail',
      hint: 'the hint',
    })
  })

  it('does with an error without fields', () => {
    expect(decodeServerReport(Buffer.from([0]))).toEqual({
      severity: 'ERROR',
      sqlState: '',
      message: '',
      detail: undefined,
      hint: undefined,
    })
  })

  it('tells NULL from an empty value', () => {
    expect(decodeDataRow(ROW)).toEqual(['hi', null, ''])
  })

  it('gives name and value of a parameter', () => {
    expect(decodeParameterStatus(Buffer.from('server_version\x0018.1\0'))).toEqual(['server_version', '18.1'])
  })

  it('gives request and data of an authentication', () => {
    const salt = Buffer.from([1, 2, 3, 4])
    expect(decodeAuthentication(Buffer.concat([Buffer.from([0, 0, 0, 5]), salt]))).toEqual({ request: 5, data: salt })
    expect(decodeSaslMechanisms(Buffer.from('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0'))).toEqual([
      'SCRAM-SHA-256-PLUS',
      'SCRAM-SHA-256',
    ])
  })

  it('refuses a message that was cut anywhere', () => {
    const protocolError = expect.objectContaining({ code: 'WALR_PROTOCOL' }) as Error
    for (let length = 0; length < REPORT.length; length++) {
      expect(() => decodeServerReport(REPORT.subarray(0, length))).toThrow(protocolError)
    }
    for (let length = 0; length < ROW.length; length++) {
      expect(() => decodeDataRow(ROW.subarray(0, length))).toThrow(protocolError)
    }
    for (const body of ['', 'name', 'name\0', 'name\0value']) {
      expect(() => decodeParameterStatus(Buffer.from(body))).toThrow(protocolError)
    }
  })

  it('answers garbage with a result or a protocol error, and nothing else', () => {
    const decoders = [
      decodeServerReport,
      decodeDataRow,
      decodeParameterStatus,
      decodeAuthentication,
      decodeSaslMechanisms,
    ]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...decoders), (bytes, decode) => {
        try {
          decode(Buffer.from(bytes))
        } catch (error) {
          expect(error).toMatchObject({ code: 'WALR_PROTOCOL' })
        }
      }),
    )
  })
})
