# syntax=docker/dockerfile:1
#
# API and worker of the rollback orchestrator, for a Temporal server and a PostgreSQL that run elsewhere. It has not been
# built here: no container engine was at hand. What was tried is what its stages do: `npm run build`, and the built tree
# (bin, dist, docs, node_modules, without the sources) ran API, worker and a rollback.

ARG NODE_IMAGE=node:24.21.0-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY domain domain
COPY workflows workflows
COPY activities activities
COPY adapters adapters
COPY config config
COPY worker worker
COPY client client
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
# The image has its own Node, and Temporal's core comes for five platforms of 29 MB each: this one's stays.
RUN set -eu; \
    rm -rf node_modules/node-linux-* node_modules/node-releases node_modules/.bin/node; \
    keep="$(node -p "({ x64: 'x86_64', arm64: 'aarch64' })[process.arch]")-unknown-linux-gnu"; \
    cd node_modules/@temporalio/core-bridge/releases; \
    test -d "$keep"; \
    for release in *; do [ "$release" = "$keep" ] || rm -rf "$release"; done

FROM ${NODE_IMAGE}
# git is for `changes: git` of the configuration; the certificates are for Temporal over TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
    ORCHESTRATOR_DATA=/data \
    ROLLBACK_CONFIG=/config/rollback-config.yml
WORKDIR /app
COPY package.json LICENSE ./
COPY docs/rollback-config.schema.json docs/
COPY bin bin
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN ln -s /app/bin/orchestrator.js /usr/local/bin/orchestrator \
    && mkdir -p /data /config \
    && chown node:node /data \
    && chmod 700 /data
USER node
VOLUME /data
# 4600: API, 4601: metrics.
EXPOSE 4600 4601
ENTRYPOINT ["orchestrator"]
CMD ["up", "--host", "0.0.0.0"]
