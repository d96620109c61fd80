// The first import of a process that works for another one. Ctrl-C, `scancel` or systemd's stop reach every process of
// a job: the process that was asked for the work decides what they mean, and ends the others by SIGKILL.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

export {}
