#!/usr/bin/env node
// The command. An old Node is told so here, before it is given the modules that it could not load: this file and the one
// that it imports are kept to what Node 12 understands.
import { nodeFault } from '../runtime/node-version.ts'

const fault = nodeFault()
if (fault === null) import('./program.ts')
else {
  process.stderr.write(`convmark: ${fault}\n`)
  process.exitCode = 1
}
