#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { pino } from 'pino';
import { type ProxyOptions, startProxy } from './proxy-server.ts';

const log = pino({ name: 'proxy' });

const program = new Command('proxy')
  .description('Reverse proxy in front of one service, with weights per release and a maintenance mode')
  .requiredOption('--port <port>', 'for users', parsePort)
  .requiredOption('--control-port <port>', 'for state and metrics, on loopback', parsePort)
  .requiredOption('--state-file <path>', 'where the state is kept')
  .requiredOption('--token-file <path>', "the control plane's bearer token; made when missing")
  .option('--host <address>', 'where users come in', '127.0.0.1')
  .option(
    '--drain-timeout-ms <ms>',
    'how long a switch waits for requests under way',
    parseMilliseconds,
    5_000,
  );

await main(program.parse().opts<ProxyOptions>());

async function main(options: ProxyOptions): Promise<void> {
  const proxy = await startProxy({ ...options, onFailure: (reason) => log.warn({ reason }, 'bad gateway') });
  const { port, controlPort, restored } = proxy;
  log.info({ port, controlPort, pid: process.pid, maintenance: restored.maintenance !== null }, 'listening');
  const stop = async (signal: string) => {
    log.info({ signal }, 'draining');
    const cut = await proxy.close();
    log.info({ cut }, 'stopped');
    process.exit(0);
  };
  process.once('SIGTERM', (signal) => void stop(signal));
  process.once('SIGINT', (signal) => void stop(signal));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a number from 0 to 65535');
}

function parseMilliseconds(text: string): number {
  const ms = Number(text);
  if (Number.isInteger(ms) && ms >= 0) return ms;
  throw new InvalidArgumentError('a time in milliseconds is a whole number');
}
