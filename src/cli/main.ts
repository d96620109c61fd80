#!/usr/bin/env node
// The command's entry. It tells an old Node what it needs before loading modules that such a Node can't parse: this
// file and the one that it imports use only what Node 14 understands.
import { nodeFault } from '../runtime/node-version.ts'

async function start(): Promise<void> {
  // Signals are handled before the commands are loaded, since loading takes longer than everything before it.
  const { endOnSignals, endProcess } = await import('./interrupt.ts')
  endOnSignals()
  const { watchOutput } = await import('./output.ts')
  watchOutput()
  const { main } = await import('./program.ts')
  // Workers of an interrupted run may still be computing; nothing waits for them.
  endProcess(await main(process.argv.slice(2)))
}

const fault = nodeFault()
if (fault === null) start()
else {
  process.stderr.write(`convmark: ${fault}\n`)
  process.exitCode = 1
}
