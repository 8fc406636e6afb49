export async function listProducts(database) {
  const rows = await database.use((db) =>
    db.query('SELECT id, name, cents, units FROM products JOIN stock ON product = id ORDER BY name'),
  );
  return rows.map(({ units, ...product }) => ({ ...product, inStock: units > 0 }));
}
