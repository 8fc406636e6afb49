import { z } from 'zod';
import { mapping, name, section, text, url } from './fields.ts';

const releases = ['ref', 'sha', 'payload'] as const;

const reported = mapping({
  repository: text('Whose deployments they are, like acme/shop', 'a repository, like acme/shop'),
  environment: text(
    "GitHub's environment; default: production",
    "the name of GitHub's environment",
  ).optional(),
  product: name('Which product it is'),
  product_environment: name("The product's environment; default: production").optional(),
  service: name('Which of its services; left out: the only one').optional(),
  release: z
    .enum(releases, releases.join(', '))
    .describe(
      "What is the release: the deployment's ref, the first 12 of its sha, or release in its payload",
    ),
});

export const github = section('Where issues are opened, and which deployments GitHub tells us of.', {
  owner: text('Organization or user', 'a GitHub organization or user').optional(),
  repo: text('Repository', 'the name of a GitHub repository').optional(),
  token: text('May write issues (a secret)', `a token, best as a reference like \${GITHUB_TOKEN}`).optional(),
  base_url: url('Of a GitHub Enterprise Server').optional(),
  webhook_secret: text('Proves that GitHub sent what arrives at /hooks/github (a secret)').optional(),
  deployments: z
    .array(reported, 'a list of deployments, each with repository, product and release')
    .describe('A deployment_status of success is reported as a deployment.')
    .optional(),
});
