// Makes docs/api/ from the docstrings of the package's entry points: `npm ci --prefix api`, then `npm run docs:api`. With --check nothing
// is written, and it fails if the pages are not what the docstrings say. An export without a docstring is always a failure.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Application, Converter, ReflectionKind } from 'typedoc'
import { finished } from './finish.mjs'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const folder = dirname(fileURLToPath(import.meta.url))
const root = dirname(folder)
const pages = join(root, 'docs/api')
process.chdir(root) // what warnings name is relative to it

// Every entry that is no worker: ./layers is dist/layers/index.js, made from src/layers/index.ts
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entryPoints = Object.entries(exports)
  .filter(([entry, target]) => target.default && !entry.startsWith('./workers/'))
  .map(([, target]) => join(root, target.default.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts')))

const app = await Application.bootstrapWithPlugins({
  plugin: ['typedoc-plugin-markdown'],
  tsconfig: join(folder, 'tsconfig.json'),
  entryPoints,
  logLevel: 'Warn',
  name: 'convmark',
  readme: join(folder, 'introduction.md'),
  mergeReadme: true,
  router: 'module',
  flattenOutputFiles: true,
  // The same pages on every machine and at every commit
  disableSources: true,
  disableGit: true,
  // Members that come with Error and AsyncDisposable
  excludeExternals: true,
  sort: ['alphabetical'],
  hidePageHeader: true,
  hideBreadcrumbs: true,
  pageTitleTemplates: { index: 'API reference', module: ({ name }) => name },
  useCodeBlocks: true,
  expandObjects: true,
  indexFormat: 'table',
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  typeDeclarationVisibility: 'compact',
  tableColumnSettings: {
    hideInherited: true,
    hideOverrides: true,
    hideSources: true,
    hideModifiers: true,
    hideDefaults: true,
  },
  validation: {
    notDocumented: true,
    notExported: false,
    invalidLink: true,
    rewrittenLink: true,
    invalidPath: false,
  },
  requiredToBeDocumented: [
    'Module',
    'Class',
    'Interface',
    'TypeAlias',
    'Variable',
    'Function',
    'Accessor',
    'Method',
  ],
})

app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
  for (const each of project.getReflectionsByKind(ReflectionKind.Constructor))
    if (each.inheritedFrom) project.removeReflection(each)
  for (const parameter of project.getReflectionsByKind(ReflectionKind.Parameter))
    if (parameter.name === '__namedParameters') parameter.name = nameByType(parameter.type)
})

/** A name for a parameter that is destructured: a Dataset, or what is picked from one, is `dataset`. */
function nameByType({ name, typeArguments }) {
  const typeName = (name === 'Pick' ? typeArguments[0].name : name) ?? 'options'
  return typeName[0].toLowerCase() + typeName.slice(1)
}

const project = await app.convert()
if (!project) process.exit(1)
app.validate(project)

const read = (path) =>
  new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]))
const folderOfMade = mkdtempSync(join(tmpdir(), 'convmark-api-'))
try {
  await app.outputs.writeOutput({ name: 'markdown', path: folderOfMade }, project)
  const made = finished(read(folderOfMade))
  if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
  if (values.check) {
    const committed = read(pages)
    const names = [...new Set([...committed.keys(), ...made.keys()])]
    const different = names.filter((name) => committed.get(name) !== made.get(name))
    if (different.length > 0) {
      console.error(`docs/api is not what the docstrings say: ${different.join(', ')}; run npm run docs:api`)
      process.exitCode = 1
    }
  } else {
    rmSync(pages, { recursive: true, force: true })
    mkdirSync(pages)
    for (const [name, text] of made) writeFileSync(join(pages, name), text)
  }
} finally {
  rmSync(folderOfMade, { recursive: true, force: true })
}
