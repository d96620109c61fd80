// The commands that measure again what a result holds.
import type { Result, Run } from '../../bench/result.ts'

/** Targets that a spec may name; an engine's only target is not asked for. */
const TARGETS: Readonly<Record<string, readonly string[]>> = {
  x64: ['avx2', 'avx512'],
  wasm: ['revectorized'],
}

/** One command for runs of one engine that differ in their pass alone; one for engines that took turns. */
export function commandsOf({ runs }: Result): string[] {
  const turns = runs.filter(({ rounds }) => rounds !== undefined)
  const commands = new Set<string>()
  for (const run of runs) {
    const isSame = (other: Run): boolean => settingsOf(other) === settingsOf(run)
    if (run.rounds === undefined) {
      const alike = runs.filter((other) => isSame(other) && specOf(other) === specOf(run))
      const command = `convmark bench ${shellWord(run.network)} --engine ${specOf(run)}`
      commands.add(`${command} --pass ${passOf(alike)} --batches ${run.batches} ${settingsOf(run)}`)
    } else {
      const alike = turns.filter(isSame)
      const specs = [...new Set(alike.map(specOf))].join(' ')
      const command = `convmark compare ${specs} --network ${shellWord(run.network)} --rounds ${run.rounds.length}`
      commands.add(`${command} --pass ${passOf(alike)} ${settingsOf(run)}`)
    }
  }
  return [...commands]
}

function settingsOf({ batch, burnIn, imageSize, seed, algorithm = 'auto' }: Run): string {
  return `--batch ${batch} --burn-in ${burnIn} --image-size ${imageSize} --seed ${seed} --algorithm ${algorithm}`
}

function specOf({ engine: { name, target, threads } }: Run): string {
  const isAskedFor = Object.hasOwn(TARGETS, name) && TARGETS[name]!.includes(target)
  return shellWord(`${name}${isAskedFor ? `:${target}` : ''}@${threads}`)
}

function passOf(runs: readonly Run[]): string {
  const passes = new Set(runs.map(({ pass }) => pass))
  return passes.size > 1 ? 'both' : runs[0]!.pass
}

/** As a POSIX shell reads it back. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
