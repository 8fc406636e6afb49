import { z } from 'zod';
import { byKind, mapping, text, texts } from './fields.ts';

const files = mapping({
  kind: z.literal('files').describe('Log files on this machine'),
  paths: texts('Paths or globs; {service} is replaced'),
});

const git = mapping({
  kind: z.literal('git').describe('A clone on this machine'),
  repository: text('The clone, bare or not', 'a folder'),
  ref: text('Tag, branch or commit of a release, like v{release}; default {release}').optional(),
});

export const logSource = byKind([files]).describe('Where incident reports quote from.');

export const changeSource = byKind([git]).describe('What an incident report says was deployed.');
