// Waits until the process that started it is gone, which closes this one's stdin, and then ends the process groups that
// it was given: by its arguments, and then by lines `+123` and `-123`. See watchdog.ts.
import './ignore-signals.ts'

const groups = new Set(process.argv.slice(2))
let rest = ''

function take(text: string): void {
  const lines = `${rest}${text}`.split('\n')
  rest = lines.pop()!
  for (const line of lines) {
    if (line.startsWith('+')) groups.add(line.slice(1))
    else groups.delete(line.slice(1))
  }
}

function endAll(): void {
  for (const group of groups) {
    try {
      process.kill(-Number(group), 'SIGKILL')
    } catch {
      // It has already ended
    }
  }
  process.exit()
}

process.stdin.setEncoding('utf8').on('data', take).on('end', endAll).on('error', endAll)
