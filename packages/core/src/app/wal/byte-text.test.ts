import { expect, it } from 'vitest'
import { bytesText, secondsText } from './byte-text.ts'

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 kB'],
  [1_500_000, '1.43 MB'],
  [16_777_216, '16 MB'],
  [161_061_273_600, '150 GB'],
  [1_099_511_627_776 * 20_000, '19.5 PB'],
])('%i bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})

it.each([
  [0.4, '0 s'],
  [59.6, '1 min 0 s'],
  [3599, '59 min 59 s'],
  [7300, '2 h 1 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(secondsText(seconds)).toBe(text)
})
