export async function readCart(database, user) {
  const items = await database.use((db) =>
    db.query(
      'SELECT id, name, cents, units FROM carts JOIN products ON id = product WHERE user = ? ORDER BY id',
      user,
    ),
  );
  return { user, items, totalCents: items.reduce((sum, { cents, units }) => sum + cents * units, 0) };
}
