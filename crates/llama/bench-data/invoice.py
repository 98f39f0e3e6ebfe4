def build_invoice(order, customer, rates):
    lines = []
    subtotal = 0
    for item in order.items:
        if item.quantity <= 0:
            continue
        price = rates.lookup(item.sku)
        if price is None:
            raise KeyError(f"no rate for {item.sku}")
        amount = price * item.quantity
        lines.append({
            "sku": item.sku,
            "quantity": item.quantity,
            "price": price,
            "amount": amount,
        })
        subtotal += amount

    discount = 0
    if customer.tier == "gold":
        discount = subtotal * 0.10
    elif customer.tier == "silver":
        discount = subtotal * 0.05
    elif order.coupon is not None:
        discount = order.coupon.value

    taxable = subtotal - discount
    tax = taxable * 0.19
    total = taxable + tax
    return {
        "customer": customer.name,
        "address": customer.address,
        "lines": lines,
        "subtotal": subtotal,
        "discount": discount,
        "tax": tax,
        "total": total,
        "currency": "EUR",
        "due_days": 30,
    }
