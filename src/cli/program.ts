// Signals are listened to before the commands are loaded, which takes longer than all that Node does before.
import { endOnSignals, signalExitCode } from './interrupt.ts'

endOnSignals()
const { main } = await import('./program.ts')
const exitCode = await main()
// Workers of an interrupted run may still be computing; nothing waits for them.
process.exit(signalExitCode() ?? exitCode)
