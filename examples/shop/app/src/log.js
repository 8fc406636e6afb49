/** One JSON line per event on standard output. */
export function log(level, msg, fields = {}) {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields })}\n`);
}

// Node's own warnings go to the same log in the same form.
process.removeAllListeners('warning');
process.on('warning', ({ name, message, stack }) => {
  if (name !== 'ExperimentalWarning') log('warn', `${name}: ${message}`, { stack });
});
