import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from './pool.js';

const schema = `
  CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, cents INTEGER);
  CREATE TABLE stock (product INTEGER PRIMARY KEY, units INTEGER);
  CREATE TABLE carts (user INTEGER, product INTEGER, units INTEGER, PRIMARY KEY (user, product));
  CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER, cents INTEGER, payment TEXT);
`;
const productCount = 84;
const userCount = 500;

/** A pool of connections to a database in memory; `queryMs` is the way to a database server and back. */
export function openDatabase({ connections, queryMs = 4 }) {
  const sqlite = new DatabaseSync(':memory:');
  sqlite.exec(schema);
  fill(sqlite);
  const statements = new Map();

  async function query(sql, ...values) {
    await sleep(queryMs);
    const statement = statements.get(sql) ?? sqlite.prepare(sql);
    statements.set(sql, statement);
    return statement.all(...values);
  }
  return createPool(Array.from({ length: connections }, () => ({ query })));
}

function fill(sqlite) {
  const product = sqlite.prepare('INSERT INTO products VALUES (?, ?, ?)');
  const stock = sqlite.prepare('INSERT INTO stock VALUES (?, ?)');
  const cart = sqlite.prepare('INSERT INTO carts VALUES (?, ?, ?)');
  sqlite.exec('BEGIN');
  for (let id = 1; id <= productCount; id += 1) {
    product.run(id, `Product ${id}`, 499 + ((id * 137) % 5_000));
    stock.run(id, (id * 31) % 90);
  }
  for (let user = 1; user <= userCount; user += 1) {
    for (let item = 0; item <= user % 3; item += 1) {
      cart.run(user, 1 + ((user * 7 + item * 11) % productCount), 1 + (item % 2));
    }
  }
  sqlite.exec('COMMIT');
}
