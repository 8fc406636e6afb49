import type { ServiceRelease } from './deployment.ts';
import { releaseNames } from './deployment.ts';
import { type TriggerType, triggerTypes } from './detection/verdict.ts';
import type { Incident } from './incident.ts';
import type { IncidentReport } from './post-mortem.ts';
import type { Cause } from './root-cause.ts';
import { wordsOf } from './words.ts';

/** What somebody wants to know of the past: words, what must be so, or an incident whose like is looked for. */
export interface LessonQuestion {
  readonly words: string;
  readonly trigger?: TriggerType | undefined;
  readonly cause?: string | undefined;
  readonly service?: string | undefined;
  /** An incident: has its pattern happened before? */
  readonly like?: string | undefined;
  readonly limit: number;
}

/** An incident, and what came of it. */
export interface Lesson {
  readonly incident: string;
  readonly product: string;
  readonly environment: string;
  readonly openedAtMs: number;
  readonly reason: string;
  readonly triggers: readonly TriggerType[];
  readonly services: readonly string[];
  readonly cause: string;
  /** The hypothesis in a sentence; `null`: there is no report (yet). */
  readonly causeSummary: string | null;
  readonly from: string;
  /** What was put back; `null`: nothing. */
  readonly to: string | null;
  readonly outcome: string | null;
  readonly outcomeReason: string | null;
  readonly review: Incident['review'];
  readonly commits: readonly LessonCommit[];
}

export interface LessonCommit {
  readonly id: string;
  readonly subject: string;
  readonly author: string;
  readonly files: readonly string[];
}

export interface FoundLesson extends Lesson {
  /** How much it resembles what was asked; only its order means something. */
  readonly score: number;
  /** Why it was found, in one sentence. */
  readonly why: string;
}

/** A lesson with its words counted. */
export interface Remembered {
  readonly lesson: Lesson;
  /** By word: how much it says of this incident. */
  readonly weights: ReadonlyMap<string, number>;
  readonly files: ReadonlySet<string>;
  readonly length: number;
}

/** More commits than these tell nobody more. */
const mostCommits = 20;
/** Of a log: what comes later repeats what came first. */
const mostLines = 30;

/** Reads an incident once, so that searching does not. */
export function remember(incident: Incident, report: IncidentReport | null): Remembered {
  const lesson = lessonOf(incident, report);
  const files = new Set(lesson.commits.flatMap((commit) => commit.files.map((file) => file.toLowerCase())));
  const weights = new Map<string, number>();
  let length = 0;
  const count = (text: string, weight: number) => {
    for (const word of wordsOf(text)) {
      weights.set(word, (weights.get(word) ?? 0) + weight);
      length += 1;
    }
  };
  count(`${lesson.cause.replaceAll('_', ' ')} ${lesson.causeSummary ?? ''}`, 3);
  count(`${lesson.review?.verdict ?? ''} ${lesson.review?.note ?? ''}`, 3);
  count(`${lesson.reason} ${lesson.triggers.join(' ')} ${lesson.services.join(' ')}`, 2);
  count(lesson.commits.map(({ subject }) => subject).join('\n'), 2);
  count([...files].join('\n'), 2);
  count((report?.root_cause_hypothesis.evidence ?? []).join('\n'), 1);
  count(
    (report?.logs_excerpt ?? [])
      .slice(0, mostLines)
      .map((line) => line.slice(0, 400))
      .join('\n'),
    1,
  );
  count(lesson.outcomeReason ?? '', 1);
  return { lesson, weights, files, length };
}

function lessonOf(incident: Incident, report: IncidentReport | null): Lesson {
  const commits = (report?.changes_deployed ?? []).flatMap((set) => set.changes);
  const services = incident.from.map(({ service }: ServiceRelease) => service);
  return {
    incident: incident.id,
    product: incident.product,
    environment: incident.environment,
    openedAtMs: incident.openedAtMs,
    reason: incident.reason,
    triggers: [...new Set(incident.triggers.map(({ type }) => type))],
    services,
    cause: report?.root_cause_hypothesis.cause ?? incident.rootCause ?? ('unknown' satisfies Cause),
    causeSummary: report?.root_cause_hypothesis.summary ?? null,
    from: releaseNames(incident.from),
    to: incident.to.length === 0 ? null : releaseNames(incident.to),
    outcome: incident.outcome,
    outcomeReason: incident.outcomeReason,
    review: incident.review,
    commits: commits.slice(0, mostCommits).map(({ id, subject, author, files }) => ({
      id,
      subject,
      author,
      files: files.map(({ path }) => path),
    })),
  };
}

/**
 * The incidents that resemble what is asked, best first; newest first where nothing is asked in words. Words are weighed as BM25 does
 * (what few incidents say counts for more); a cause, a file and a trigger that are the same count on top.
 */
export function findLessons(memory: readonly Remembered[], question: LessonQuestion): FoundLesson[] {
  const model = memory.find(({ lesson }) => lesson.incident === question.like);
  if (question.like !== undefined && model === undefined) return [];
  const candidates = memory.filter((entry) => entry !== model && fits(entry.lesson, question));
  const asked = askedOf(question, model);
  const isOpen = asked.words.length === 0 && model === undefined;
  const found = isOpen
    ? candidates.map(({ lesson }) => ({ ...lesson, score: 0, why: 'one of the newest' }))
    : weighed(candidates, memory, asked).filter(({ score }) => score > 0);
  return found.toSorted((a, b) => b.score - a.score || b.openedAtMs - a.openedAtMs).slice(0, question.limit);
}

function fits({ triggers, cause, services }: Lesson, question: LessonQuestion): boolean {
  if (question.trigger !== undefined && !triggers.includes(question.trigger)) return false;
  if (question.cause !== undefined && question.cause !== cause) return false;
  return question.service === undefined || services.includes(question.service);
}

interface Asked {
  readonly words: readonly string[];
  readonly cause: string | null;
  readonly files: readonly string[];
  readonly triggers: readonly string[];
  /** The model's own. */
  readonly product: string | null;
}

/** Of an incident only what says most: a whole log would drown the rest. */
const modelWords = 40;

function askedOf({ words, cause }: LessonQuestion, model: Remembered | undefined): Asked {
  const given = [...new Set(wordsOf(words))];
  if (model === undefined) {
    const files = given.filter((word) => /\.\w+$/.test(word));
    return {
      words: given,
      cause: cause ?? null,
      files,
      triggers: triggerTypes.filter((trigger) => trigger.split('_').every((part) => given.includes(part))),
      product: null,
    };
  }
  const said = [...model.weights].toSorted(([, a], [, b]) => b - a).slice(0, modelWords);
  return {
    words: [...new Set([...given, ...said.map(([word]) => word)])],
    cause: model.lesson.cause === 'unknown' ? null : model.lesson.cause,
    files: [...model.files],
    triggers: model.lesson.triggers,
    product: model.lesson.product,
  };
}

/** BM25's usual: how soon repeats stop counting, and how much a long report is held against it. */
const saturation = 1.2;
const lengthShare = 0.5;
/** Against words, which score between 1 and 5 each. */
const worth = { cause: 4, file: 4, trigger: 1, product: 0.5 } as const;

function weighed(candidates: readonly Remembered[], memory: readonly Remembered[], asked: Asked) {
  const meanLength = memory.reduce((sum, { length }) => sum + length, 0) / Math.max(1, memory.length);
  const rarity = new Map(asked.words.map((word) => [word, rarityOf(word, memory)]));
  return candidates.map((entry): FoundLesson => {
    const said = asked.words
      .map((word) => ({ word, score: wordScore(entry, word, rarity.get(word) ?? 0, meanLength) }))
      .filter(({ score }) => score > 0)
      .toSorted((a, b) => b.score - a.score);
    const same = sameOf(entry, asked);
    // Who says all of it is nearer than who says a part of it often.
    const share = said.length / Math.max(1, asked.words.length);
    const words = said.reduce((sum, { score }) => sum + score, 0) * (0.5 + share / 2);
    // A trigger or a product alone is no resemblance.
    const counts = words > 0 || same.cause || same.file !== null;
    const extra =
      (same.cause ? worth.cause : 0) +
      (same.file === null ? 0 : worth.file) +
      (same.trigger === null ? 0 : worth.trigger) +
      (same.product ? worth.product : 0);
    const score = counts ? Math.max(0.01, Math.round((words + extra) * 100) / 100) : 0;
    return {
      ...entry.lesson,
      score,
      why: whyOf(
        entry,
        same,
        said.map(({ word }) => word),
      ),
    };
  });
}

function rarityOf(word: string, memory: readonly Remembered[]): number {
  const saying = memory.filter(({ weights }) => weights.has(word)).length;
  return Math.log(1 + (memory.length - saying + 0.5) / (saying + 0.5));
}

function wordScore(
  { weights, length }: Remembered,
  word: string,
  rarity: number,
  meanLength: number,
): number {
  const weight = weights.get(word) ?? 0;
  if (weight === 0) return 0;
  const long = 1 - lengthShare + (lengthShare * length) / Math.max(1, meanLength);
  return (rarity * weight * (saturation + 1)) / (weight + saturation * long);
}

interface Same {
  readonly cause: boolean;
  readonly file: string | null;
  readonly trigger: string | null;
  readonly product: boolean;
}

function sameOf({ lesson, files }: Remembered, asked: Asked): Same {
  const file = [...files].find((path) =>
    asked.files.some((wanted) => path === wanted || path.endsWith(`/${wanted}`)),
  );
  return {
    cause: asked.cause !== null && asked.cause === lesson.cause,
    file: file ?? null,
    trigger: lesson.triggers.find((trigger) => asked.triggers.includes(trigger)) ?? null,
    product: asked.product === lesson.product,
  };
}

function whyOf({ lesson }: Remembered, same: Same, words: readonly string[]): string {
  const telling = words.filter((word) => !words.some((other) => other !== word && other.includes(word)));
  const parts = [
    ...(same.cause ? [`same cause (${lesson.causeSummary ?? lesson.cause})`] : []),
    ...(same.file === null ? [] : [`same file ${same.file}`]),
    ...(same.trigger === null ? [] : [`same trigger ${same.trigger}`]),
    ...(words.length === 0 ? [] : [`says ${telling.slice(0, 5).join(', ')}`]),
  ];
  return parts.join('; ');
}
