// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/

/** True for parts separated by one `/`, none of them empty, `.` or `..`, without control characters; of any length. */
export function isKeyText(path: string): boolean {
  if (!path.isWellFormed() || controlCharacter.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
