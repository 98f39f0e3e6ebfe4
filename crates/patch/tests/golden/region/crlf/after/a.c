int a;
long b;
long bb;
int c;
