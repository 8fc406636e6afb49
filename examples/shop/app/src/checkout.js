import { readCart } from './cart.js';

export async function checkout({ database, payments }, user) {
  const { totalCents } = await readCart(database, user);
  const payment = await payments.charge({ user, cents: totalCents });
  await database.use((db) =>
    db.query('INSERT INTO orders (user, cents, payment) VALUES (?, ?, ?)', user, totalCents, payment.id),
  );
  return { user, totalCents, payment: payment.id };
}
