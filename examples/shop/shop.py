"""A till for a small shop."""


def subtotal(items):
    """Sum of the prices of all items."""
    total = 0
    for item in items:
        total += item["price"]
    return total


def with_tax(amount, rate=0.2):
    """The amount with tax."""
    return amount * (1 + rate)


def receipt(items):
    """One line an item, then the total."""
    lines = [f"{item['name']:<12}{item['price']:>8.2f}" for item in items]
    lines.append(f"{'total':<12}{with_tax(subtotal(items)):>8.2f}")
    return "\n".join(lines)
