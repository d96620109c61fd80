import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { parseResult } from '../../src/bench/result.ts'
import { root } from '../support/package.ts'

// The jobs that docs/method.md gives for CI, taken from there and run step by step on a pull request that changes nothing.
// Of GitHub's there is a stand-in: its checkout. So there is of `npm ci`, which here links what is installed already.

const folder = mkdtempSync(join(tmpdir(), 'convmark-ci-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const REGRESSION = 3
/** Two builds and two benchmarks of AlexNet, on a machine that may be busy. */
const CLONE_LIMIT_MS = 1_200_000
const method = readFileSync(join(root, 'docs/method.md'), 'utf8')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!)
const [ownJob, cloneJob] = blocks(method, 'yaml') as [string, string]

/** An `npm` whose `ci` links these folders into node_modules; before the real one on PATH. */
function standIn(name: string, links: readonly (readonly [string, string])[]): string {
  const bin = join(folder, name)
  mkdirSync(bin)
  const npm = execFileSync('which', ['npm'], { encoding: 'utf8' }).trim()
  const lines = links.map(
    ([target, path]) => `mkdir -p "$(dirname '${path}')" && ln -sfn '${target}' '${path}'`,
  )
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\n[ "$1" = ci ] || exec '${npm}' "$@"\n${lines.join(' && ')}\n`)
  chmodSync(join(bin, 'npm'), 0o755)
  return bin
}

const git = (cwd: string, ...args: readonly string[]): string => {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
  return execFileSync('git', [...identity, ...args], { cwd, encoding: 'utf8' }).trim()
}

/** The job's `run` steps, in a checkout of the origin's last commit, which is as deep as the job asks for. */
function runJob(job: string, origin: string, bin: string): { workspace: string; outputs: string[] } {
  const workspace = join(folder, `workspace of ${bin.split('/').at(-1)}`)
  const depth = /fetch-depth: 0/.test(job) ? [] : ['--depth', '1']
  git(folder, 'clone', '--quiet', ...depth, pathToFileURL(origin).href, workspace)
  const base = git(origin, 'rev-parse', 'HEAD~1')
  const steps = [...job.matchAll(/^ +- run: (.+)$/gm)].map(([, command]) => command!)
  expect(steps.length).toBeGreaterThan(2)
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    CONVMARK_CACHE: join(folder, 'cache'),
  }
  const outputs = steps.map((step) => {
    const command = step.replace(/\$\{\{ github\.event\.pull_request\.base\.sha \}\}/, base)
    expect(command).not.toContain('${{')
    const ended = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', command], {
      cwd: workspace,
      env,
      encoding: 'utf8',
    })
    // Only what the gate finds is left to the machine: two runs of the same code may differ by its noise.
    const allowed = / gate /.test(command) ? [0, REGRESSION] : [0]
    expect(allowed, `${command}\n${ended.stdout}\n${ended.stderr}`).toContain(ended.status)
    return ended.stdout
  })
  return { workspace, outputs }
}

function requireGate({ workspace, outputs }: ReturnType<typeof runJob>, network: string): void {
  for (const file of ['before.json', 'after.json']) {
    const { runs } = parseResult(readFileSync(join(workspace, file), 'utf8'), file)
    expect(runs.map((run) => [run.network, run.pass, run.rounds?.length])).toEqual([
      [network, 'forward', 8],
      [network, 'forward-backward', 8],
    ])
  }
  expect(outputs.at(-1)!.trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^Forward on .* 95% interval /),
    expect.stringMatching(/^Forward-backward on .* 95% interval /),
  ])
}

it('a project with a network of its own', () => {
  const origin = join(folder, 'project')
  mkdirSync(origin)
  const [script] = blocks(method, 'js')
  const mine = blocks(readme, 'ts').find((block) => block.includes('const mine = defineNetwork('))!
  writeFileSync(join(origin, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  writeFileSync(join(origin, '.gitignore'), 'node_modules\n')
  writeFileSync(join(origin, 'speed.mjs'), script!)
  writeFileSync(join(origin, 'mine.mjs'), mine.replace('const mine', 'export const mine'))
  git(origin, 'init', '--quiet')
  git(origin, 'add', '.')
  git(origin, 'commit', '--quiet', '-m', 'base')
  git(origin, 'commit', '--quiet', '--allow-empty', '-m', 'change')
  const bin = standIn('own', [
    [root, 'node_modules/convmark'],
    ['../convmark/dist/cli/main.js', 'node_modules/.bin/convmark'],
  ])
  requireGate(runJob(ownJob, origin, bin), 'mine')
})

it(
  'a clone of convmark',
  () => {
    const origin = join(folder, 'convmark')
    git(folder, 'clone', '--quiet', root, origin)
    git(origin, 'commit', '--quiet', '--allow-empty', '-m', 'change')
    const bin = standIn('clone', [[join(root, 'node_modules'), 'node_modules']])
    requireGate(runJob(cloneJob, origin, bin), 'alexnet')
  },
  CLONE_LIMIT_MS,
)
