/** The contract between walr and its plugins, version 1: `@walr/core/plugin`. It imports nothing. */
export type { Codec, CodecContext } from './codec.ts'
export {
  CodecError,
  isCodecError,
  isOptionsError,
  isStorageError,
  OptionsError,
  StorageError,
  type CodecErrorCode,
  type OptionFault,
  type StorageErrorCode,
  type StorageErrorOptions,
} from './errors.ts'
export { nearestName } from './nearest-name.ts'
export {
  definePlugin,
  type HookContext,
  type OptionDescription,
  type PluginApiVersion,
  type PluginHook,
  type PluginLogger,
  type WalrPlugin,
} from './plugin.ts'
export type { RetentionBackup, RetentionDecision, RetentionInput, RetentionPolicy } from './retention.ts'
export type {
  ByteSource,
  GetOptions,
  ListOptions,
  ObjectChecksum,
  OperationOptions,
  PutConfirmation,
  PutOptions,
  Storage,
  StorageCapabilities,
  StoredObject,
} from './storage.ts'
