s = "grün"
t = "→ 日本"
