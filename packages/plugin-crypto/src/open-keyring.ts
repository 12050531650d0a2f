import { resolve } from 'node:path'
import { OptionsError, type HookContext, type OptionFault } from '@walr/core/plugin'
import { runKeyCommand } from './key-command.ts'
import { parseKeyText, type NamedKey } from './key-text.ts'
import { Keyring } from './keyring.ts'
import { isLongEnough, type CryptoOptions, type KeySource } from './options.ts'
import type { PassphraseKeys } from './passphrase-keys.ts'
import { readSecretFile } from './secret-file.ts'
import { deriveWrappingKey, type WrappingKey } from './wrapping-key.ts'

const PASSPHRASE_ID = 'passphrase'

/**
 * Gets the keys from where the options say.
 * @throws OptionsError with the option, the file and the line, never with a key; the signal's reason.
 */
export async function openKeyring(
  { source, keyId, oldKeys, oldPassphrases }: CryptoOptions,
  context: HookContext,
  passphraseKeys: PassphraseKeys,
): Promise<Keyring> {
  const old = oldKeys === undefined ? [] : keysOf(oldKeys, 'oldKeys', '')
  if (source.option === 'passphrase' || source.option === 'passphraseFile') {
    const passphrase = await passphraseOf(source, context)
    const current = await passphraseKeys.derive(keyId ?? PASSPHRASE_ID, passphrase)
    return new Keyring({ current, keys: old, passphrases: [passphrase, ...oldPassphrases], passphraseKeys })
  }
  const keys = keysOf(await keyTextOf(source, context), source.option, whereOf(source, context))
  const current = keyId === undefined ? keys[0] : keys.find(({ id }) => id === keyId)
  if (!current) {
    const ids = keys.map(({ id }) => `"${id}"`).join(', ')
    throw fault({ path: 'keyId', message: `"${keyId ?? ''}" is none of the keys of "${source.option}": ${ids}` })
  }
  const taken = old.find((key) =>
    keys.some(({ id, checkValue }) => id === key.id && !checkValue.equals(key.checkValue)),
  )
  if (taken) {
    throw fault({ path: 'oldKeys', message: `has another key with the id "${taken.id}" than "${source.option}"` })
  }
  return new Keyring({ current, keys: [...keys, ...old], passphrases: oldPassphrases, passphraseKeys })
}

function keyTextOf(source: KeySource, context: HookContext): Promise<string> {
  switch (source.option) {
    case 'keyFile':
    case 'passphraseFile':
      return readSecretFile(source.option, source.path, context)
    case 'keyCommand':
      return runKeyCommand(source, context)
    case 'key':
    case 'passphrase':
      return Promise.resolve(source.text)
  }
}

/** What the option's value is called in a message, with a blank behind it; nothing for a text of the configuration. */
function whereOf(source: KeySource, { baseDirectory }: HookContext): string {
  if ('path' in source) return `file "${resolve(baseDirectory, source.path)}", `
  return 'words' in source ? `output of "${source.words[0] ?? ''}", ` : ''
}

async function passphraseOf(source: KeySource, context: HookContext): Promise<string> {
  const text = await keyTextOf(source, context)
  if (!('path' in source)) return text
  const passphrase = text.replace(/^\uFEFF/, '').replace(/\r?\n$/, '')
  const refuse = (message: string): OptionsError =>
    fault({ path: source.option, message: `${whereOf(source, context)}${message}` })
  if (/[\r\n]/.test(passphrase)) throw refuse('has more than one line; a passphrase is one line')
  if (!isLongEnough(passphrase)) throw refuse('the passphrase is shorter than 12 characters')
  return passphrase
}

function keysOf(text: string, path: string, where: string): WrappingKey[] {
  const { keys, faults } = parseKeyText(text)
  if (faults.length === 0) return keys.map(({ id, bytes }: NamedKey) => deriveWrappingKey(id, bytes))
  throw fault(...faults.map(({ line, message }) => ({ path, message: `${where}line ${line}: ${message}` })))
}

function fault(...faults: OptionFault[]): OptionsError {
  return new OptionsError(faults)
}
