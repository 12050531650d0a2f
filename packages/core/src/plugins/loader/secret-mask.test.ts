import { expect, it } from 'vitest'
import { secretMask } from './secret-mask.ts'

const described = (name: string, secret: boolean) => ({ name, type: 'string', summary: 's', secret })

it('hides the values of secret options wherever they stand, nested ones and those in lists too', () => {
  const mask = secretMask(
    [described('user', false), described('password', true), described('tls.key', true), described('keys.secret', true)],
    {
      user: 'visible',
      password: 'pass.word',
      tls: { key: 'tls-key', certificate: 'visible' },
      keys: [
        { id: 'k1', secret: 'first-key' },
        { id: 'k2', secret: 12_345_678 },
      ],
    },
  )
  expect(mask('visible k1 pass.word (tls-key) first-key,12345678 passXword')).toBe(
    'visible k1 ******** (********) ********,******** passXword',
  )
})

it('hides a longer secret before a shorter one that is a part of it', () => {
  const mask = secretMask([described('a', true), described('b', true)], { a: 'secret', b: 'secret-and-more' })
  expect(mask('secret-and-more secret')).toBe('******** ********')
})
