import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runProgram } from '../support/run-program.ts'
import { spawnTracked } from '../support/tracked-process.ts'
import { waitFor } from '../support/wait-for.ts'

const modulePath = join(import.meta.dirname, '../../packages/core/src/app/terminal-password.ts')
const asking = `
  import { askPassword } from ${JSON.stringify(modulePath)}
  console.log('<' + await askPassword('Password: ') + '>')`
const interrupted = `
  import { askPassword } from ${JSON.stringify(modulePath)}
  process.on('SIGINT', () => console.log('stopping'))
  await askPassword('Password: ').catch((error) => console.log(error.name))`
const nodeWith = (program: string): string[] => [process.execPath, '--input-type=module', '-e', program]

/** Runs the program at a terminal of its own, types `keys` when it asks, and then looks at the terminal's echo. */
async function atTerminal(
  keys: string,
  program = asking,
): Promise<{ output: string; secretShown: boolean; echo: string | undefined }> {
  const quoted = nodeWith(program)
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ')
  const command = `${quoted} </dev/null; echo "status $?"; stty -a | grep -ow -- '-\\?echo' | head -n 1 | sed 's/^/terminal: /'`
  const child = spawnTracked('script', ['-qec', command, '/dev/null'], {
    env: cleanEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await waitFor('the prompt', () => output.includes('Password: ') || undefined)
  child.stdin?.write(keys)
  await waitFor('the look at the terminal', () => output.includes('terminal: ') || undefined)
  child.stdin?.end()
  const asked = output.slice(output.indexOf('Password: ')).split('<')[0] ?? ''
  return { output, secretShown: asked.includes('geheim'), echo: /terminal: (\S+)/.exec(output)?.[1] }
}

describe('a password', () => {
  it('is read from the terminal, even when standard input is another one, and not shown', async () => {
    const { output, secretShown, echo } = await atTerminal('geheix\u007fmß\r')
    expect(output).toContain('Password: \r\n<geheimß>')
    expect(secretShown).toBe(false)
    expect(echo).toBe('echo')
  })

  it('that is given up with Ctrl-C ends the program as SIGINT does, and leaves the terminal as it was', async () => {
    const { output, secretShown, echo } = await atTerminal('geheim\u0003')
    expect(output).toContain('status 130')
    expect(output).not.toContain('<')
    expect(secretShown).toBe(false)
    expect(echo).toBe('echo')
  })

  it('is waited for no longer when a program that listens to SIGINT gets one', async () => {
    const { output, echo } = await atTerminal('geheim\u0003', interrupted)
    expect(output).toContain('stopping')
    expect(output).toContain('StopRequest')
    expect(output).toContain('status 0')
    expect(echo).toBe('echo')
  })

  it('is a line of standard input when there is no terminal', async () => {
    const result = await runProgram('setsid', ['--wait', ...nodeWith(asking)], {
      input: 'geheim\nmore\n',
      env: cleanEnvironment(),
    })
    expect(result).toMatchObject({ exitCode: 0, stdout: '<geheim>\n', stderr: 'Password: ' })
  })
})
