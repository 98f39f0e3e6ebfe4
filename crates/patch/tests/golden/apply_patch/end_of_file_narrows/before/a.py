a
b
a
