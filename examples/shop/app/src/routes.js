import { readCart } from './cart.js';
import { checkout } from './checkout.js';
import { listProducts } from './products.js';

export function createRoutes({ database, payments }) {
  return {
    'GET /products': () => listProducts(database),
    'GET /cart': ({ searchParams }) => readCart(database, userOf(searchParams)),
    'POST /checkout': ({ searchParams }) => checkout({ database, payments }, userOf(searchParams)),
  };
}

function userOf(searchParams) {
  return Number(searchParams.get('user') ?? 1);
}
