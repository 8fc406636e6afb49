import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { imageParts } from '../image-name.ts';
import type { Ecs } from './ecs.ts';

/** What of a task definition is the release. */
export type EcsReleaseFrom = 'tag' | 'digest' | 'revision';

export interface EcsNaming {
  /** Default `tag`. */
  readonly from?: EcsReleaseFrom;
  /** Whose image counts; needed where there are several containers. */
  readonly container?: string;
}

/** How many revisions back a release without a record is looked for: each is a question of its own. */
const revisionsAskedFor = 30;

export type FoundDefinition =
  | { readonly kind: 'found'; readonly arn: string; readonly from: string }
  | { readonly kind: 'not'; readonly reason: string };

/** `null` where the definition says nothing of the kind: an image without a tag, as a placeholder has it. */
export function releaseOf(definition: TaskDefinition, { from = 'tag', container }: EcsNaming): string | null {
  if (from === 'revision') return String(definition.revision ?? '') || null;
  return imageParts(imageOf(definition, container))[from];
}

function imageOf({ taskDefinitionArn, containerDefinitions = [] }: TaskDefinition, name?: string): string {
  const names = containerDefinitions.map((container) => container.name).join(', ');
  if (name === undefined && containerDefinitions.length > 1)
    throw new Error(
      `${shortOf(taskDefinitionArn)} has several containers (${names}): say in "container" whose image is the release`,
    );
  const found =
    name === undefined ? containerDefinitions[0] : containerDefinitions.find((one) => one.name === name);
  if (found?.image === undefined)
    throw new Error(
      `${shortOf(taskDefinitionArn)} has no container ${name ?? ''} with an image; it has ${names}`,
    );
  return found.image;
}

/** `shop-web:42` of an ARN. */
export function shortOf(arn: string | undefined): string {
  return arn?.split('/').at(-1) ?? 'no task definition';
}

/** The one that was recorded, the one that is configured, else the newest active revision of that release. */
export async function findDefinition(
  ecs: Ecs,
  current: TaskDefinition,
  wanted: { readonly release: string; readonly recipe?: string | null; readonly naming: EcsNaming },
): Promise<FoundDefinition> {
  const { release, recipe, naming } = wanted;
  if (recipe != null) {
    const problem = unusable(recipe, await ecs.definition(recipe));
    if (problem !== null) return { kind: 'not', reason: `${release} was ${problem}` };
    return { kind: 'found', arn: recipe, from: `${shortOf(recipe)}, as recorded` };
  }
  if (current.taskDefinitionArn !== undefined && releaseOf(current, naming) === release)
    return {
      kind: 'found',
      arn: current.taskDefinitionArn,
      from: `${shortOf(current.taskDefinitionArn)}, configured`,
    };
  return searchRevisions(ecs, current, release, naming);
}

/** "You cannot update an existing service to reference an INACTIVE task definition", says AWS. */
function unusable(arn: string, definition: TaskDefinition | null): string | null {
  if (definition === null) return `${shortOf(arn)}, which is deleted`;
  if (definition.status !== 'ACTIVE')
    return `${shortOf(arn)}, which is ${definition.status}: a service cannot be given it any more; register it again`;
  return null;
}

async function searchRevisions(
  ecs: Ecs,
  { family = '' }: TaskDefinition,
  release: string,
  naming: EcsNaming,
): Promise<FoundDefinition> {
  const arns = (await ecs.revisions(family)).slice(0, revisionsAskedFor);
  for (const arn of arns) {
    const definition = await ecs.definition(arn);
    if (definition !== null && definition.status === 'ACTIVE' && releaseOf(definition, naming) === release)
      return { kind: 'found', arn, from: `${shortOf(arn)}, the newest active revision of it` };
  }
  return {
    kind: 'not',
    reason: `none of the ${arns.length} newest active revisions of ${family} is ${release}, and none was recorded`,
  };
}
