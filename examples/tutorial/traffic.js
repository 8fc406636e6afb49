// Users: 40 requests a second to this machine for at most ten minutes, or as many seconds as is said.
import { request } from 'node:http';

const [port, seconds = '600'] = process.argv.slice(2);

const timer = setInterval(() => {
  request({ host: '127.0.0.1', port, timeout: 1000 }, (response) => response.resume())
    .on('error', () => {})
    .end();
}, 25);
setTimeout(() => clearInterval(timer), Math.min(Number(seconds), 600) * 1000);
