import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';

/** One line for the log. What the API says can hold lines of an application's log: none of it may become a command to the runner. */
export function show(text) {
  process.stdout.write(`> ${oneLine(text)}\n`);
}

/** @param level `error`, `warning` or `notice` */
export function annotate(level, text, title = 'Rollback orchestrator') {
  process.stdout.write(`::${level} title=${property(title)}::${escaped(oneLine(text))}\n`);
}

/** From here on the runner shows stars in its place. */
export function mask(secret) {
  process.stdout.write(`::add-mask::${escaped(secret)}\n`);
}

export function setOutput(name, value) {
  const end = randomUUID();
  append('GITHUB_OUTPUT', `${name}<<${end}\n${value}\n${end}\n`);
}

/** A table in the job's summary. */
export function addSummary(title, rows, heads, link = null) {
  const table = [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`);
  const more = link === null ? [] : ['', `[The story](${encodeURI(link)})`];
  append('GITHUB_STEP_SUMMARY', [`### ${cell(title)}`, '', ...table, ...more, '', ''].join('\n'));
}

function append(variable, text) {
  const file = process.env[variable];
  if (file) appendFileSync(file, text);
}

function oneLine(text) {
  return String(text)
    .replace(/[\r\n]+/g, ' ')
    .replaceAll('##[', '# #[');
}

function escaped(text) {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text) {
  return escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

function cell(text) {
  return oneLine(text)
    .replace(/[\\<>|*_`[\]]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b');
}
