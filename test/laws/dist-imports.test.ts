import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { makeScratch } from '../support/scratch.ts'

const repository = join(import.meta.dirname, '../..')

/** Packages without a single program in their dist: nobody has built them. */
function unbuilt(root: string): string[] {
  const packages = globSync(['packages/*/package.json', 'examples/*/package.json'], { cwd: root }).map(dirname)
  if (packages.length === 0) throw new Error(`there are no packages below ${root}`)
  return packages.filter((folder) => globSync(`${folder}/dist/**/*.js`, { cwd: root }).length === 0)
}

/** Imports of built programs that Node cannot follow, as `file: import`. */
function brokenImports(root: string): string[] {
  const files = globSync(['packages/*/dist/**/*.js', 'examples/*/dist/**/*.js'], { cwd: root })
  return files.toSorted().flatMap((file) =>
    importsOf(join(root, file))
      .filter((name) => name.endsWith('.ts') || (/^\.\.?\//.test(name) && !isFile(join(root, dirname(file), name))))
      .map((name) => `${file}: ${name}`),
  )
}

/** What a program imports by a name that is in its text. */
function importsOf(path: string): string[] {
  const names: string[] = []
  const visit = (node: ts.Node): void => {
    const name =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : undefined
    if (name && ts.isStringLiteralLike(name)) names.push(name.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest))
  return names
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

// TypeScript rewrites the ending of an import() in most places, and leaves it in some: in a function with
// "await using", and in the expression of "export default". Tests run the sources, where nothing of that is seen.
describe('what is built imports only what is built', () => {
  it('every package is built', () => {
    expect(unbuilt(repository)).toEqual([])
  })

  it('no import is of a source, or of a file that is not there', () => {
    expect(brokenImports(repository)).toEqual([])
  })

  it('a program that does is found, and so is a package without programs', async () => {
    await using scratch = makeScratch('dist')
    const dist = join(scratch.path, 'packages/one/dist/deep')
    mkdirSync(dist, { recursive: true })
    mkdirSync(join(scratch.path, 'examples/two/dist'), { recursive: true })
    for (const folder of ['packages/one', 'examples/two']) {
      writeFileSync(join(scratch.path, folder, 'package.json'), '{}')
    }
    writeFileSync(join(dist, 'there.js'), '')
    const lines = [
      ...["import 'node:fs'", "import { a } from './there.js'", "export * from '../deep/there.js'", 'import(a)'],
      ...['// import("./comment.ts")', 'const text = `import("./text.ts")`', '/["`]/.test(text)'],
      "async function late() { for (const it of await import('./source.ts')) await import(`./gone.js`) }",
      ...["export { b } from './missing.js'", "import '../deep'", "export default import('package/source.ts')"],
    ]
    writeFileSync(join(dist, 'bad.js'), lines.join('\n'))
    const names = ['./source.ts', './gone.js', './missing.js', '../deep', 'package/source.ts']
    expect(brokenImports(scratch.path)).toEqual(names.map((name) => `packages/one/dist/deep/bad.js: ${name}`))
    expect(unbuilt(scratch.path)).toEqual(['examples/two'])
  })
})
