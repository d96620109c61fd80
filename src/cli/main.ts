#!/usr/bin/env node
// The command. An old Node is told so before it is given modules that it can't load: this file and the one that it imports
// are kept to what Node 14 understands.
import { nodeFault } from '../runtime/node-version.ts'

async function start(): Promise<void> {
  // Signals are listened to before the commands are loaded, which takes longer than all that Node does before.
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
