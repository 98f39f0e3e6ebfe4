function loadCart(userId: string): Cart {
  const user = findUser(userId);
  const rows = queryRows("select * from cart where user = ?", user.id);
  const items = rows.map((row) => toItem(row));
  const prices = fetchPrices(items.map((item) => item.sku));
  for (const item of items) {
    item.price = prices[item.sku];
  }
  const total = items.reduce((sum, item) => sum + item.price * item.count, 0);
  return { user, items, total };
}
